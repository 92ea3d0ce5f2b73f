"""Log lines carry what they may and nothing else."""

import json
import logging
from collections.abc import Iterator

import pytest

from jwks_operator.keys.generate import generate
from jwks_operator.kube.errors import Unavailable
from jwks_operator.process import logs

KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the root logger back to pytest."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name in (logs.OURS, *logs.QUIET):
        logging.getLogger(name).setLevel(logging.NOTSET)


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(capsys.readouterr().err)
    return parsed


def test_a_line_says_when_where_how_bad_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install_logging("json", logging.INFO)
    logging.getLogger("jwks_operator.reconcile.work_queue").info(
        "hello %s", "you", extra={"set": "shop/a", "queued": 3}
    )
    told = line(capsys)
    assert str(told.pop("time")).endswith("Z")
    assert told == {
        "level": "info",
        "logger": "jwks_operator.reconcile.work_queue",
        "message": "hello you",
        "set": "shop/a",
        "queued": 3,
    }


def test_only_known_fields_with_plain_values_get_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install_logging("json", logging.INFO)
    extra = {"body": KEY, "kid": {"d": KEY}, "entry": "signing", "reason": None, "due": 1.5}
    logging.getLogger("jwks_operator.x").info("x", extra=extra)
    assert set(line(capsys)) == {"time", "level", "logger", "message", "entry", "reason", "due"}


def test_a_private_key_prints_as_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install_logging("json", logging.INFO)
    key = generate("ES256", None)
    logging.getLogger("jwks_operator.x").info("made %s %r", key.private, key)
    written = capsys.readouterr().err
    assert "<redacted>" in written
    assert str(key.private.reveal()["d"]) not in written


def failing(error: BaseException, cause: BaseException | None = None) -> None:
    try:
        raise error from cause
    except type(error):
        logging.getLogger("jwks_operator.x").exception("failed")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unavailable("no answer"), "jwks_operator.kube.errors.Unavailable: no answer"),
        (ConnectionRefusedError(111, "refused"), "ConnectionRefusedError: [Errno 111] refused"),
        (ValueError(KEY), "ValueError"),
        (KeyError(KEY), "KeyError"),
        (json.JSONDecodeError("bad", KEY, 0), "json.decoder.JSONDecodeError"),
    ],
)
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_of_an_exception_the_type_and_the_places_get_out_and_the_text_only_if_it_is_ours(
    error: BaseException, told: str, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.install_logging(log_format, logging.INFO)
    failing(error, cause=ValueError(KEY))
    written = capsys.readouterr().err
    assert told in written
    assert "test_logs.py" in written
    assert "in failing" in written
    assert KEY not in written


def test_other_packages_are_shortened_and_lose_what_looks_like_a_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.install_logging("json", logging.DEBUG)
    secret = {"metadata": {"name": "a"}, "data": {"signing.jwk": KEY}}
    logging.getLogger("kopf.objects").warning(f"Ignoring: {secret!r} {'long ' * 1000}")
    written = capsys.readouterr().err
    assert "Ignoring: {'metadata': {'name': 'a'}, 'data': {'signing.jwk': '<redacted>'}}" in written
    assert len(written) < 1000
    logging.getLogger("aiohttp.x").error("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n")
    written = capsys.readouterr().err
    assert "PRIVATE" not in written
    assert "abc" not in written


@pytest.mark.parametrize("name", ["kopf.objects", "kopf.reactor", "kubernetes", "aiohttp.client", "asyncio"])
def test_other_packages_never_speak_below_info(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.install_logging("json", logging.DEBUG)
    logging.getLogger(name).debug("a whole object")
    assert capsys.readouterr().err == ""
    logging.getLogger("jwks_operator.x").debug("ours")
    assert line(capsys)["message"] == "ours"


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_a_higher_level_holds_for_everybody(level: int, capsys: pytest.CaptureFixture[str]) -> None:
    logs.install_logging("json", level)
    for name in ("jwks_operator.x", "kopf.x", "kopf.objects"):
        logging.getLogger(name).log(level - 1, "too low")
    assert capsys.readouterr().err == ""


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install_logging("text", logging.INFO)
    logging.getLogger("jwks_operator.watch.resync").info("resync done", extra={"queued": 3})
    assert capsys.readouterr().err.endswith("Z INFO jwks_operator.watch.resync resync done queued=3\n")
