"""What is looked at from outside: HTTP answers, pods, field managers. Rows of what is seen and what is said of it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.mount import swap
from jwks_operator.keys.generate import generate
from jwks_operator.plugin.bars import short_kid
from jwks_operator.plugin.cluster import ObservedSet
from jwks_operator.plugin.doctor_sets import check_gitops, check_progress
from jwks_operator.plugin.exit_codes import Exit
from jwks_operator.plugin.findings import Finding, Verdict, write_report
from jwks_operator.plugin.gitops import find_annotation_owners
from jwks_operator.plugin.http import answer_age, http_findings, max_age, stale_window
from jwks_operator.plugin.jwks_fetch import MAX_BYTES, FetchFailure, FetchResult, fetch
from jwks_operator.plugin.output import say
from jwks_operator.plugin.plugin_command import run
from plugin.pages import NOW, degraded, seen
from plugin.site import GOOD, served
from serve.running import serving


def answer(url: str = "https://auth.example.com/jwks.json", body: bytes = b"{}", **more: Any) -> FetchResult:
    headers = {**GOOD, **more.pop("headers", {})}
    return FetchResult(url, more.pop("status", 200), {k.lower(): v for k, v in headers.items() if v}, body, **more)


def said(found: FetchResult) -> set[tuple[str, str]]:
    return {(one.verdict.value, one.check) for one in http_findings(found, NOW) if one.verdict is not Verdict.OK}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (answer(expires=NOW + timedelta(days=90), not_modified=True), set()),
        (answer(url="http://localhost:8080/jwks.json"), set()),
        (answer(url="http://auth.shop.svc/jwks.json"), set()),
        (answer(url="http://auth.example.com/jwks.json"), {("warning", "tls")}),
        (answer(expires=NOW + timedelta(days=3)), {("warning", "tls")}),
        (answer(redirects=1), {("warning", "http")}),
        (answer(headers={"Content-Type": "text/html"}), {("warning", "http")}),
        (answer(body=b" " * 70_000), {("warning", "http")}),
        (answer(status=404), {("error", "http")}),
        (answer(headers={"Cache-Control": "no-store"}), {("error", "caching")}),
        (answer(headers={"Cache-Control": "no-cache, max-age=300"}), {("error", "caching")}),
        (answer(headers={"Cache-Control": ""}), {("warning", "caching")}),
        (answer(headers={"Cache-Control": "max-age=5"}), {("warning", "caching")}),
        (answer(headers={"Cache-Control": "max-age=604800"}), {("warning", "caching")}),
        (answer(headers={"ETag": ""}), {("note", "caching")}),
        (answer(not_modified=False), {("warning", "caching")}),
    ],
)
def test_what_breaks_verifiers_is_found_in_one_answer(found: FetchResult, expected: set[tuple[str, str]]) -> None:
    assert said(found) == expected


@pytest.mark.parametrize(
    ("headers", "kept", "stale", "old"),
    [
        ({"Cache-Control": "public, max-age=300, stale-while-revalidate=60", "Age": "20"}, 300, 60, 20),
        ({"Cache-Control": "max-age=300, s-maxage=7200"}, 7200, 0, 0),
        ({"Cache-Control": 'MAX-AGE="10"', "Age": "-1"}, 10, 0, 0),
        ({"Cache-Control": "x-max-age=300"}, None, 0, 0),
    ],
)
def test_cache_headers_are_read_as_caches_do(headers: dict[str, str], kept: int | None, stale: int, old: int) -> None:
    found = answer(headers=headers)
    assert max_age(found) == (None if kept is None else timedelta(seconds=kept))
    assert (stale_window(found), answer_age(found)) == (timedelta(seconds=stale), timedelta(seconds=old))


# --- fetching ---


async def test_a_fetch_asks_a_second_time_with_the_etag() -> None:
    with served(lambda: b'{"keys":[]}') as site:
        found = await fetch(site.url, revisit=True)
    assert isinstance(found, FetchResult)
    assert (found.status, found.body, found.not_modified) == (200, b'{"keys":[]}', True)


async def test_a_fetch_is_bounded_in_size() -> None:
    with served(lambda: b" " * (MAX_BYTES + 1)) as site:
        assert await fetch(site.url) == FetchFailure(f"more than {MAX_BYTES} bytes")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("http://127.0.0.1:1/", "no connection: "),
    ],
)
async def test_what_cannot_be_fetched_is_told_in_words(url: str, problem: str) -> None:
    found = await fetch(url)
    assert isinstance(found, FetchFailure)
    assert found.problem.startswith(problem)


async def test_https_needs_a_certificate_that_can_be_verified() -> None:
    with served(lambda: b"") as site:
        found = await fetch(site.url.replace("http://", "https://"))
    assert isinstance(found, FetchFailure)
    assert "TLS" in found.problem


def test_our_own_server_leaves_nothing_to_complain_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"keys": [generate("ES256").public]}).encode()
    swap(tmp_path, {"jwks.json": body})
    with serving(tmp_path) as running:
        running.serves(body)
        assert run(["lint", running.url, "--strict"]) == Exit.DONE, capsys.readouterr().out
    assert "0 errors, 0 warnings" in capsys.readouterr().out


# --- who else writes ---


def managed(manager: str, annotation: str = "jwks-operator.dev/rotate") -> ObservedSet:
    found = seen()
    fields: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{annotation}": {}}}}
    found.object["metadata"]["annotations"] = {annotation: "x"}
    found.object["metadata"]["managedFields"] = [{"manager": manager, "operation": "Apply", "fieldsV1": fields}]
    return found


@pytest.mark.parametrize(
    ("manager", "whose"),
    [
        ("argocd-controller", "Argo CD"),
        ("argocd-application-controller", "Argo CD"),
        ("kustomize-controller", "Flux"),
        ("helm-controller", "Flux"),
        ("helm", "Helm"),
        ("my-own-tool", "my-own-tool"),
    ],
)
def test_whoever_keeps_a_request_is_named(manager: str, whose: str) -> None:
    (told,) = find_annotation_owners(managed(manager), ["jwks-operator.dev/rotate"])
    assert f"is kept by {whose}, which puts its own value back; change it where that is kept" in told


@pytest.mark.parametrize("manager", ["kubectl-jwks", "kubectl-annotate", "kubectl-edit"])
def test_people_do_not_come_back_to_take_a_request_away(manager: str) -> None:
    assert list(find_annotation_owners(managed(manager), ["jwks-operator.dev/rotate"])) == []


async def test_a_request_in_a_manifest_is_found() -> None:
    found = seen()
    applied = '{"metadata":{"annotations":{"jwks-operator.dev/hold":"a"}}}'
    found.object["metadata"]["annotations"] = {
        "jwks-operator.dev/hold": "b",
        "kubectl.kubernetes.io/last-applied-configuration": applied,
    }
    (finding,) = [one async for one in check_gitops([found])]
    assert finding.verdict is Verdict.WARNING
    assert "the next apply puts its value back" in finding.message + finding.cure


# --- lag ---


class Clock:
    """As much of a cluster as knows the time."""

    namespace = "shop"

    def __init__(self, late: timedelta) -> None:
        self._late = late

    def now(self) -> Any:
        return NOW + self._late


async def findings(of: ObservedSet, late: timedelta) -> list[Finding]:
    clock: Any = Clock(late)
    return [one async for one in check_progress(clock, [of])]


@pytest.mark.parametrize(
    ("late", "verdict"),
    [
        (timedelta(), Verdict.OK),
        (timedelta(hours=10, minutes=1), Verdict.OK),
        (timedelta(hours=10, minutes=3), Verdict.ERROR),
    ],
)
async def test_a_move_is_late_two_minutes_after_its_time(late: timedelta, verdict: Verdict) -> None:
    (finding,) = await findings(seen(), late)
    assert finding.verdict is verdict


async def test_a_set_that_nobody_looks_at_is_found_with_its_trouble() -> None:
    waits, trouble = await findings(degraded(), timedelta())
    assert waits.message.startswith("shop/auth waits for the operator since ")
    assert (trouble.verdict, trouble.cure) == (Verdict.WARNING, "quota exceeded; raise it")


# --- what comes from anywhere ---


def test_nothing_that_is_looked_at_can_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;title\x07\x9b31m\u202ered"
    write_report([Finding(Verdict.ERROR, "served", f"also has {hostile}", f"remove {hostile}")], None)
    say(hostile)
    told = capsys.readouterr()
    assert short_kid(hostile) + told.out + told.err == "".join(
        letter for letter in short_kid(hostile) + told.out + told.err if letter.isprintable() or letter == "\n"
    )
