"""The command line: what is wrong is said in a line that names the option and the cure."""

import pytest
from click.testing import CliRunner

from jwks_operator.__main__ import main

REGION = {"AWS_REGION": "eu-central-1"}


@pytest.mark.parametrize(
    ("options", "environ", "words"),
    [
        pytest.param(["--to=s3://b"], REGION, "Missing option '--configmap'", id="no ConfigMap"),
        pytest.param(["--configmap=auth", "--to=s3://b"], REGION, "'auth' is not NAMESPACE/NAME", id="no namespace"),
        pytest.param(["--configmap=shop/auth"], {}, "Missing option '--to'", id="no place"),
        pytest.param(
            ["--configmap=shop/auth", "--to=https://b"], {}, "begins with one of s3://, gs://, az://", id="a scheme"
        ),
        pytest.param(
            ["--configmap=shop/auth", "--to=s3://user:word@b"], REGION, "the form is s3://BUCKET/PREFIX", id="a user"
        ),
        pytest.param(["--configmap=shop/auth", "--to=s3://b/a//c"], REGION, "an empty segment", id="an empty segment"),
        pytest.param(["--configmap=shop/auth", "--to=s3://b"], {}, "set AWS_REGION in the environment", id="no region"),
        pytest.param(
            ["--configmap=shop/auth", "--to=az://c"], {}, "set AZURE_STORAGE_ACCOUNT_NAME in the", id="no account"
        ),
        pytest.param(
            ["--configmap=shop/auth", "--to=s3://b"], REGION | {"KUBECONFIG": "/none"}, "no usable kubeconfig",
            id="no cluster",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(
    options: list[str], environ: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AZURE_STORAGE_ACCOUNT_NAME", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(main, ["publish", *options], env=environ)
    assert done.exit_code in {1, 2}, done.output
    assert words in done.output
    assert "word@" not in done.output
