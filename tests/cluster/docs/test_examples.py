"""The examples and the rights are accepted by a real API server, not only by our reading of it."""

from pathlib import Path

import pytest

from controlplane import Access

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(path.name for path in ROOT.glob("examples/*.yaml"))


@pytest.fixture
def with_crd(control_plane: Access) -> Access:
    done = control_plane.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}")
    assert done.returncode == 0, done.stderr
    waited = control_plane.kubectl("wait", "--for=condition=Established", f"--filename={ROOT / 'crds'}")
    assert waited.returncode == 0, waited.stderr
    return control_plane


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_accepted(with_crd: Access, namespace: str, example: str) -> None:
    file = f"--filename={ROOT / 'examples' / example}"
    done = with_crd.kubectl("apply", "--dry-run=server", "--validate=strict", f"--namespace={namespace}", file)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_readme_work(with_crd: Access, namespace: str) -> None:
    explained = with_crd.kubectl("explain", "jwks.spec.timing")
    assert "verifierRefresh" in explained.stdout, explained.stderr
    created = with_crd.kubectl("apply", f"--namespace={namespace}", f"--filename={ROOT / 'examples/quickstart.yaml'}")
    assert created.returncode == 0, created.stderr
    request = "jwks-operator.dev/rotate=signing@2026-11-02T10:00:00Z"
    asked = with_crd.kubectl("annotate", "jwks", "auth", f"--namespace={namespace}", "--overwrite", request)
    assert asked.returncode == 0, asked.stderr
    listed = with_crd.kubectl("get", "jwks", f"--namespace={namespace}")
    assert "auth" in listed.stdout
