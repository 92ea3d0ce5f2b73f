"""The process, asked over gRPC as kube-apiserver asks it: what is signed, by which key, for whom; its ends."""

import fcntl
import json
import os
import re
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest

from demo.mount import swap
from jwks_operator.keys.signing import verify_compact
from serve.running import until
from service_accounts.issuer import ISSUER, Issuer, claims, issuing, segment
from service_accounts.oracle import Caller, message
from sign.running import UID, make_key, secret_files
from sign.test_process import refuses as refuses_to_sign

RS256, ES256, ES384, ES512 = (make_key(name) for name in ("RS256", "ES256", "ES384", "ES512"))
EDDSA = make_key("Ed25519")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """One that signs with ES256 and publishes others too."""
    with issuing(tmp_path_factory.mktemp("issuer"), ES256, RS256, ES256, arguments=("--admin-port=0",)) as issuer:
        yield issuer


@pytest.fixture
def caller(issuer: Issuer) -> Iterator[Caller]:
    issuer.mount(ES256, RS256, ES256)
    with issuer.caller() as caller:
        yield caller


def token_of(caller: Caller, payload: str) -> str:
    """Put a token together as kube-apiserver does."""
    signed = caller.sign(payload)
    return f"{signed.header}.{payload}.{signed.signature}"


def refusal(caller: Caller, payload: str) -> tuple[str, str]:
    return caller.refusal("Sign", message("SignJWTRequest", claims=payload))


@pytest.mark.parametrize("key", [RS256, ES256, ES384, ES512], ids=lambda key: key.algorithm)
def test_a_token_has_alg_kid_and_typ_and_is_verified_by_the_published_key(
    issuer: Issuer, caller: Caller, key: Any
) -> None:
    issuer.mount(key, RS256, ES256, ES384, ES512)
    token = token_of(caller, segment(claims()))
    assert jwt.get_unverified_header(token) == {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}
    verify_compact(key.public, token, "JWT")
    assert key.kid in {each.key_id for each in caller.fetch_keys().keys}


def test_metadata_is_the_longest_life_of_a_token(caller: Caller) -> None:
    assert caller.metadata().max_token_expiration_seconds == 3600


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (segment(claims(iss="https://elsewhere.example.com")), "iss"),
        (segment(claims(exp=int(time.time()) + 90_000)), "exp is more than"),
        (segment(claims(exp=1)), "exp"),
        (segment({"iss": ISSUER}), "exp is missing"),
        (segment(claims(nbf="soon")), "nbf is not a number"),
        (urlsafe_b64encode(b'{"a":1,"a":2}').decode().rstrip("="), "twice"),
        (urlsafe_b64encode(b"[1]").decode(), "not a JSON object"),
        ("", "not one JSON document"),
        ("e30=", "base64url"),
        ("e31", "base64url"),
        ("e3 0", "base64url"),
    ],
)
def test_claims_that_no_token_should_have_are_refused_with_a_cure(caller: Caller, payload: str, part: str) -> None:
    status, text = refusal(caller, payload)
    assert status == "INVALID_ARGUMENT"
    assert part in text


def test_a_call_that_there_is_not_is_unimplemented(caller: Caller) -> None:
    assert caller.refusal("Decrypt", message("SignJWTRequest"))[0] == "UNIMPLEMENTED"
    assert refusal(caller, "x" * 40_000)[0] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize(
    ("active", "keys", "part"),
    [
        (ES384, [ES256, RS256], "is not among those"),
        (EDDSA, [ES256, EDDSA], "is not among those"),
        (ES384, [ES256, {**make_key("ES384", 1).public, "kid": ES384.kid}], "does not verify"),
        (None, [ES256], "no active key"),
    ],
    ids=["not published", "cannot be published", "another key of the kid is published", "revoked"],
)
def test_a_key_whose_tokens_would_be_refused_signs_nothing(
    issuer: Issuer, caller: Caller, active: Any, keys: list[Any], part: str
) -> None:
    issuer.mount(active, *keys)
    status, text = refusal(caller, segment(claims()))
    assert (status, part in text) == ("UNAVAILABLE", True), text
    until(lambda: issuer.page("/readyz")[0] == 503)
    assert part in issuer.page("/readyz?verbose")[1]
    issuer.mount(ES256, ES256)
    assert caller.sign(segment(claims())).header
    assert issuer.page("/readyz")[0] == 200


def test_the_key_signs_from_the_swap_on(issuer: Issuer, caller: Caller) -> None:
    for key in (RS256, ES256, ES384) * 3:
        issuer.mount(key, RS256, ES256, ES384)
        assert jwt.get_unverified_header(token_of(caller, segment(claims())))["kid"] == key.kid


def test_uses_are_counted(issuer: Issuer, caller: Caller) -> None:
    caller.sign(segment(claims()))
    refusal(caller, segment({"iss": ISSUER}))
    caller.fetch_keys()
    page = issuer.page("/metrics")[1]
    labels = f'entry="signing",kid="{ES256.kid}",uid="{UID}"'
    assert f'jwks_signer_uses_total{{{labels},outcome="ok"}} ' in page
    assert f'jwks_signer_uses_total{{{labels},outcome="no-exp"}} ' in page
    assert re.search(r"^jwks_signer_key_fetches_total [1-9]", page, re.MULTILINE)
    assert re.search(r"^jwks_signer_keys_published 2$", page, re.MULTILINE)
    assert re.search(r'^jwks_signer_calls_total{code="3"} [1-9]', page, re.MULTILINE)
    families = re.findall(r"^# TYPE (\S+)", page, re.MULTILINE)
    assert len(families) == len(set(families))


def test_the_process_holds_its_keys_as_sign_does(issuer: Issuer, caller: Caller) -> None:
    """No core dump, memory that belongs to root, no more of it than `sign` needs, and nothing private in the log."""
    for _ in range(200):
        caller.sign(segment(claims()))
    proc = Path(f"/proc/{issuer.process.pid}")
    assert re.search(r"Max core file size +0 +0 ", (proc / "limits").read_text())
    assert (proc / "mem").stat().st_uid == 0
    assert int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") <= 50_000_000
    private = json.loads((issuer.private / "signing.jwk").read_bytes())
    assert private["d"] not in issuer.log


def test_a_user_that_is_not_listed_is_told_so_and_gets_nothing(tmp_path: Path) -> None:
    with issuing(tmp_path, ES256, ES256, arguments=("--allow-uid=4711",)) as issuer, issuer.caller() as caller:
        status, text = refusal(caller, segment(claims()))
        assert (status, "--allow-uid" in text) == ("PERMISSION_DENIED", True)
        assert caller.refusal("FetchKeys", message("FetchKeysRequest"))[0] == "PERMISSION_DENIED"


def test_the_audit_log_has_a_line_for_each_token_and_no_token(tmp_path: Path) -> None:
    with issuing(tmp_path, ES256, ES256, arguments=("--audit-log",)) as issuer:
        payload = segment(claims(jti="token-1", secret="not for logs"))
        with issuer.caller() as caller:
            token = token_of(caller, payload)
        issuer.terminate()
        output = issuer.output()
    (line,) = [json.loads(each) for each in output.splitlines()]
    assert (line["use"], line["entry"], line["kid"], line["uid"]) == ("sign", "signing", ES256.kid, UID)
    assert line["jti"] == "token-1"
    assert "not for logs" in urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    assert payload not in output
    assert token.rpartition(".")[2] not in output


class Calls:
    """Threads that ask for one token after the other; a call that fails while nothing is killed is a problem."""

    def __init__(self, issuer: Issuer) -> None:
        self.count = 0
        self.kills = 0
        self.problems: list[grpc.RpcError] = []
        self._issuer = issuer
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def go_on(self) -> None:
        """Wait until more calls have come to their end."""
        before = self.count
        until(lambda: self.count >= before + 20 or self.problems)

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        with self._issuer.caller() as caller:
            while not self._done.is_set():
                kills = self.kills
                try:
                    assert caller.sign(segment(claims())).header
                    self.count += 1
                except grpc.RpcError as error:
                    if self.kills == kills and kills % 2 == 0:  # odd: a kill is under way
                        self.problems.append(error)


def test_no_call_fails_through_ends_and_hand_overs(tmp_path: Path) -> None:
    """Only calls in flight at a kill may fail."""
    with issuing(tmp_path, ES256, ES256) as issuer:
        calls = Calls(issuer)
        for end in ("hand over", "terminate", "kill", "hand over", "terminate"):
            calls.go_on()
            if end == "hand over":
                issuer.hand_over()
                continue
            if end == "kill":
                calls.kills += 1  # odd until it is over: a call that begins meanwhile may fail before it is
                issuer.kill()
                calls.kills += 1
            else:
                issuer.terminate()
            issuer.start()
        calls.go_on()
        calls.end()
    assert calls.problems == []


def test_a_second_signer_is_refused_and_after_a_hand_over_too(tmp_path: Path) -> None:
    with issuing(tmp_path, ES256, ES256) as issuer:
        issuer.hand_over()
        until(lambda: is_locked(issuer.socket))
        assert "another signer listens" in refuses_to_sign(f"--keys={issuer.private}", f"--socket={issuer.socket}")
        with issuer.caller() as caller:
            assert caller.sign(segment(claims())).header


def is_locked(path: Path) -> bool:
    """Tell whether a signer has the lock beside its socket."""
    with open(f"{path}.lock", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_socket_goes_with_the_signer_unless_it_was_taken_over(tmp_path: Path) -> None:
    with issuing(tmp_path, ES256, ES256) as issuer:
        issuer.hand_over()
        assert issuer.socket.exists()
        issuer.terminate()
        assert not issuer.socket.exists()


def test_an_entry_must_be_named_if_there_are_several(tmp_path: Path) -> None:
    with issuing(tmp_path, ES256, ES256, RS256) as issuer:
        swap(issuer.private, secret_files("a", ES256) | secret_files("b", RS256))
        with issuer.caller() as caller:
            assert "--entry" in refusal(caller, segment(claims()))[1]
