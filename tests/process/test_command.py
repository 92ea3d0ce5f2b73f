"""The command line, the admin port, and what kopf is told."""

import asyncio
import itertools
import subprocess
import sys
from datetime import timedelta
from typing import Any

import aiohttp
import click
import kopf
import pytest
from click.testing import CliRunner

from jwks_operator.__main__ import main
from jwks_operator.api.names import MANAGED_SELECTOR, PLURAL
from jwks_operator.api.shards import Scope, Shard
from jwks_operator.process import logs
from jwks_operator.process import run as run_module
from jwks_operator.process.admin_port import AdminPort, Pages
from jwks_operator.process.app import Options
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.watch.event_router import CONFIG_MAPS, SECRETS, EventRouter
from jwks_operator.watch.kopf_login import Login
from jwks_operator.watch.kopf_settings import RetryPauses, make_settings
from process.recorder import Recorder
from process.virtual import run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Catch what `run` would operate with."""
    caught: list[Options] = []

    async def run_operator(options: Options, _: object) -> int:
        caught.append(options)
        return 0

    monkeypatch.setattr(run_module, "run_operator", run_operator)
    monkeypatch.setattr(logs, "install_logging", lambda *_: None)
    return caught


def test_run_has_defaults_for_everything(asked: list[Options]) -> None:
    assert CliRunner().invoke(main, ["run"]).exit_code == 0
    minutes = timedelta(minutes=10)
    assert asked == [Options((), minutes, minutes, 8, "127.0.0.1", 8081)]


def test_run_takes_options_and_the_environment(asked: list[Options]) -> None:
    environment = {
        "JWKS_OPERATOR_NAMESPACE": "shop bank",
        "JWKS_OPERATOR_DELETION_DELAY": "1h30m",
        "JWKS_OPERATOR_WORKERS": "3",
        "JWKS_OPERATOR_ADMIN_PORT": "9000",
    }
    result = CliRunner().invoke(main, ["run", "--workers", "4", "--admin-host", "::"], env=environment)
    assert result.exit_code == 0
    assert asked == [
        Options(("shop", "bank"), timedelta(minutes=90), timedelta(minutes=10), 4, "::", 9000),
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--deletion-delay", "soon"], "'soon' is not a duration"),
        (["--workers", "0"], "0 is not in the range"),
        (["--log-level", "loud"], "'loud' is not one of"),
    ],
)
def test_a_wrong_option_is_named(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == 2
    assert told in result.output


def test_without_a_cluster_run_says_where_it_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(logs, "install_logging", lambda *_: None)
    result = CliRunner().invoke(main, ["run"], env={"KUBECONFIG": str(tmp_path / "none")})
    assert result.exit_code == 1
    assert "no usable kubeconfig" in result.output


def test_crd_prints_the_definition() -> None:
    result = CliRunner().invoke(main, ["crd"])
    assert result.exit_code == 0
    assert f"name: {PLURAL}.jwks-operator.dev" in result.output


def test_every_command_is_listed_and_loads() -> None:
    context = click.Context(main)
    assert main.list_commands(context) == ["crd", "publish", "run", "serve", "sign", "sign-service-accounts"]
    assert all(main.get_command(context, name) for name in main.list_commands(context))
    assert main.get_command(context, "other") is None


def test_the_help_loads_neither_kopf_nor_kubernetes() -> None:
    code = "import sys, jwks_operator.__main__; print(*{'kopf', 'kubernetes', 'aiohttp'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


async def test_the_admin_port_tells_what_is_wrong() -> None:
    wrong: list[str] = []
    admin = AdminPort(
        "127.0.0.1", 0, alive=lambda: None, ready=lambda: wrong[0] if wrong else None, pages=Pages(lambda: b"up 1\n")
    )
    await admin.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{admin.port}") as session:
            for path, expected in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/keys", 404)):
                async with session.get(path) as answer:
                    assert answer.status == expected
            wrong.append("not watching yet")
            async with session.get("/readyz") as answer:
                assert (answer.status, await answer.text()) == (503, "not watching yet\n")
    finally:
        await admin.close()


def test_kopf_is_told_to_watch_and_nothing_else() -> None:
    settings = make_settings()
    assert not settings.posting.enabled
    assert settings.peering.standalone
    assert settings.scanning.disabled
    assert settings.process.ultimate_exiting_timeout is None
    assert "kopf" not in settings.persistence.finalizer


@pytest.mark.parametrize(
    ("shard", "selector"), [(None, "!jwks-operator.dev/shard"), ("blue", "jwks-operator.dev/shard=blue")]
)
def test_the_api_server_is_asked_for_nothing_but_what_is_of_the_shard(shard: Shard, selector: str) -> None:
    found = make_settings(shard).watching.label_selectors
    assert found["jwks-operator.dev", "v1beta1", PLURAL] == selector
    for plural in (SECRETS, CONFIG_MAPS):
        assert found["", "v1", plural] == f"{MANAGED_SELECTOR},{selector}"


@pytest.mark.parametrize("environment", [False, True])
def test_a_shard_is_taken_if_a_label_can_name_it(asked: list[Options], environment: bool) -> None:
    arguments, environ = ([], {"JWKS_OPERATOR_SHARD": "blue"}) if environment else (["--shard=blue"], {})
    assert CliRunner().invoke(main, ["run", *arguments], env=environ).exit_code == 0
    assert asked[0].scope == Scope((), "blue")
    assert str(asked[0].scope) == "shard blue in all namespaces"


@pytest.mark.parametrize("name", ["", "Blue", "-blue", "blue-", "a.b", "x" * 64])
def test_a_shard_that_no_label_can_name_is_refused(asked: list[Options], name: str) -> None:
    result = CliRunner().invoke(main, ["run", "--shard", name])
    assert result.exit_code == 2
    assert "names no shard: use up to 63 of a-z, 0-9 and -" in result.output
    assert asked == []


def test_attempts_never_end_and_each_request_starts_afresh() -> None:
    forever = RetryPauses()
    pauses = list(itertools.islice(forever, 1000))
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert pauses[-1] == 10.0
    assert next(iter(forever)) == 0.2


def router() -> EventRouter:
    return EventRouter(ObservedVersions(), Recorder(), lambda: None)


def test_logins_in_a_row_are_paced_and_never_yield_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[object] = [kopf.LoginError("none"), OSError("gone")]

    async def at_once(_: object, **__: object) -> object:
        info = outcomes.pop(0) if outcomes else kopf.ConnectionInfo(server="https://127.0.0.1:1")
        if isinstance(info, Exception):
            raise info
        return info

    async def main() -> None:
        monkeypatch.setattr(asyncio, "to_thread", at_once)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        login = Login(router())
        sessions = [await login() for _ in range(3)]
        assert loop.time() - begin == pytest.approx(1 + 2 + 5 + 10)
        await asyncio.sleep(61)
        begin = loop.time()
        sessions.append(await login())
        assert loop.time() == begin
        assert all(one != other for one, other in itertools.combinations(sessions, 2))
        for session in sessions:
            await session.aiohttp_session.close()

    run(main())
