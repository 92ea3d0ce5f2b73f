"""Who takes part in an election, by the command line and the surroundings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jwks_operator.__main__ import main
from jwks_operator.kube.lease import Election, Terms
from jwks_operator.process import logs
from jwks_operator.process import run as run_module
from jwks_operator.process.app import Options

Run = Callable[..., tuple[Result, Election | None]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Invoke `run` outside of any pod, and catch the election that it would take part in."""
    caught: list[Options] = []

    async def run_operator(options: Options, _: object) -> int:
        caught.append(options)
        return 0

    for name in ("KUBERNETES_SERVICE_HOST", "POD_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(run_module, "run_operator", run_operator)
    monkeypatch.setattr(logs, "install_logging", lambda *_: None)

    def invoke(*arguments: str, **environ: str) -> tuple[Result, Election | None]:
        result = CliRunner().invoke(main, ["run", *arguments], env=environ)
        return result, caught[-1].election if caught else None

    return invoke


@pytest.fixture
def pod(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Invoke `run` in the surroundings of a pod."""
    (tmp_path / "namespace").write_text("jwks\n")
    monkeypatch.setattr(run_module, "POD_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    return run


def test_a_person_outside_of_a_cluster_is_alone_and_is_told_so(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    result, election = run()
    assert (result.exit_code, election) == (0, None)
    assert "no leader election" in caplog.text


def test_a_pod_takes_part_in_its_own_namespace(pod: Run) -> None:
    _, election = pod()
    assert election is not None
    assert (election.namespace, election.name, election.terms) == ("jwks", "jwks-operator", Terms(15.0, 10.0, 2.0))
    _, other = pod()
    assert other is not None
    assert other.identity != election.identity, "another life is another candidate"


@pytest.mark.parametrize("environ", [{}, {"JWKS_OPERATOR_LEADER_ELECT": "false"}])
def test_a_pod_may_be_told_to_be_alone(pod: Run, environ: dict[str, str]) -> None:
    arguments = () if environ else ("--no-leader-elect",)
    assert pod(*arguments, **environ)[1] is None


def test_a_namespace_that_is_named_comes_first(pod: Run) -> None:
    for arguments, environ in (
        (("--lease-namespace=a",), {}),
        ((), {"JWKS_OPERATOR_LEASE_NAMESPACE": "a", "POD_NAMESPACE": "b"}),
        ((), {"POD_NAMESPACE": "a"}),
    ):
        election = pod(*arguments, **environ)[1]
        assert election is not None
        assert election.namespace == "a"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--shard=blue"], "jwks-operator-blue"),
        (["--shard=blue", "--lease-name=b"], "b"),
        ([], "jwks-operator"),
    ],
)
def test_each_shard_elects_a_leader_of_its_own(run: Run, arguments: list[str], name: str) -> None:
    _, election = run("--lease-namespace=a", *arguments)
    assert election is not None
    assert election.name == name


def test_terms_and_name_are_taken(run: Run) -> None:
    terms = ("--lease-duration=1m", "--lease-renew-deadline=40s", "--lease-retry-period=500ms")
    _, election = run("--lease-namespace=a", "--lease-name=b", *terms)
    assert election is not None
    assert (election.namespace, election.name) == ("a", "b")
    assert election.terms == Terms(60.0, 40.0, 0.5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--leader-elect"], "--leader-elect outside of a cluster needs --lease-namespace"),
        (["--lease-duration=10s"], "the lease duration must be longer than the renew deadline"),
        (["--lease-renew-deadline=2s"], "the renew deadline must be longer than 1.2 times the retry period"),
        (["--lease-retry-period=0s"], "the retry period must be longer than nothing"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, arguments: list[str], told: str) -> None:
    result, _ = run(*arguments)
    assert result.exit_code == 2
    assert told in result.output
