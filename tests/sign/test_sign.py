"""`POST /v1/sign` on a real socket: what is signed, and what is refused with a cure."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from jwcrypto import jwk, jws

from jwks_operator.keys.secret_files import Form
from serve.running import read_all
from sign.running import Signer, claims, make_key, secret_files, signing

ES256, RS256, HS256 = make_key("ES256"), make_key("RS256"), make_key("HS256")


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    files = secret_files("web", ES256) | secret_files("old", RS256, Form.PEM) | secret_files("peer", HS256)
    with signing(tmp_path_factory.mktemp("sign"), files, "--admin-port=0") as running:
        yield running


def header_of(token: str) -> dict[str, object]:
    return dict(jwt.get_unverified_header(token))


def test_claims_become_a_token_that_verifies_and_whose_header_is_made_here(signer: Signer) -> None:
    wanted = claims(aud=["a", "b"], name="Zoë", nested={"list": [1, 2.5, None, True]})
    answer = signer.post({"entry": "web", "claims": wanted})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    token = str(answer.json["token"])
    assert (answer.json["kid"], answer.json["alg"]) == (ES256.kid, "ES256")
    assert header_of(token) == {"alg": "ES256", "kid": ES256.kid, "typ": "JWT"}
    assert jwt.decode(token, jwt.PyJWK(dict(ES256.public)), algorithms=["ES256"], audience="a") == wanted


def test_a_key_from_pem_signs_as_well(signer: Signer) -> None:
    token = str(signer.post({"entry": "old", "claims": claims(), "typ": "at+jwt"}).json["token"])
    assert header_of(token) == {"alg": "RS256", "kid": RS256.kid, "typ": "at+jwt"}
    jwt.decode(token, jwt.PyJWK(dict(RS256.public)), algorithms=["RS256"])


def test_a_symmetric_key_signs_as_well(signer: Signer) -> None:
    token = str(signer.post({"entry": "peer", "claims": claims()}).json["token"])
    verifier = jws.JWS()
    verifier.deserialize(token, jwk.JWK(**{**HS256.private.reveal(), "key_ops": ["sign", "verify"]}))
    assert verifier.is_valid


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"exp": None}, 400, "claim"),
        ({"exp": "1800000000"}, 400, "claim"),
        ({"exp": True}, 400, "claim"),
        ({"iat": "now"}, 400, "claim"),
        ({"nbf": [1]}, 400, "claim"),
        ({"exp": 1}, 400, "past-exp"),
        ({"exp": int(time.time()) + 90000}, 400, "late-exp"),
        ({"exp": 1e300}, 400, "late-exp"),
    ],
)
def test_a_claim_that_is_not_valid_is_refused(
    signer: Signer, changes: dict[str, object], status: int, code: str
) -> None:
    answer = signer.post({"entry": "web", "claims": claims(**changes)})
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b"[]", 400, "body"),
        (b'{"entry": "web", "claims": {"exp": 1, "exp": 2}}', 400, "body"),
        (b'{"entry": "web", "claims": {"exp": NaN}}', 400, "body"),
        (b'{"entry": "web", "claims": {"a":' + b"[" * 9000 + b"]" * 9000 + b"}}", 400, "body"),
        ({"entry": "web"}, 400, "body"),
        ({"entry": "web", "claims": claims(), "payload": ""}, 400, "body"),
        ({"entry": "web", "claims": claims(), "header": {"jku": "https://evil.example"}}, 400, "body"),
        ({"entry": "web", "claims": claims(), "typ": "secevent+jwt"}, 400, "typ"),
        ({"entry": "web", "claims": claims(), "typ": ["JWT"]}, 400, "typ"),
        ({"entry": "web", "claims": []}, 400, "claim"),
        ({"entry": "web", "claims": {"sub": "no exp"}}, 400, "no-exp"),
        ({"claims": claims()}, 400, "entry-needed"),
        ({"entry": "nobody", "claims": claims()}, 404, "entry"),
        ({"entry": ["web"], "claims": claims()}, 404, "entry"),
        ({"entry": "web", "payload": "e30"}, 403, "raw"),
        (b" " * 40000, 413, "too-large"),
    ],
)
def test_a_body_that_is_not_understood_is_refused(signer: Signer, body: object, status: int, code: str) -> None:
    answer = signer.post(body)
    assert (answer.status, answer.code) == (status, code)


def test_other_paths_and_methods_are_refused(signer: Signer) -> None:
    assert (signer.post({}, "/v1/keys").status, signer.post({}, "/").code) == (404, "path")
    wrong = signer.post({}, method="PUT")
    assert (wrong.status, wrong.code, wrong.headers["Allow"]) == (405, "method", "POST")


def test_one_connection_takes_many_requests_and_survives_refusals(signer: Signer) -> None:
    client = signer.client()
    for _ in range(20):
        assert client.post({"entry": "web", "claims": claims()}).status == 200
        assert client.post({"entry": "web", "claims": {}}).status == 400
    client.close()


def test_requests_that_are_sent_in_one_piece_or_octet_by_octet_are_answered_in_order(signer: Signer) -> None:
    body = json.dumps({"entry": "web", "claims": claims()}).encode()
    request = b"POST /v1/sign HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    chunked = b"POST /v1/sign HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(signer.socket))
        client.sendall(request + chunked % (len(body), body) + request)
        for octet in request:
            client.sendall(bytes([octet]))
        client.shutdown(socket.SHUT_WR)
        found = read_all(client)
    assert found.count(b"HTTP/1.1 200 OK") == 4
    assert found.count(b'"token":') == 4


def test_an_expectation_is_refused_because_nobody_would_send_the_body(signer: Signer) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(signer.socket))
        client.sendall(b"POST /v1/sign HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b"HTTP/1.1 417 ")


def test_raw_payloads_are_signed_where_that_is_allowed(tmp_path: Path) -> None:
    payload = bytes(range(256))
    with signing(tmp_path, secret_files("web", ES256), "--allow-raw", "--typ=JOSE") as signer:
        encoded = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
        token = str(signer.post({"payload": encoded}).json["token"])
        assert signer.post({"payload": "not base64url!"}).code == "body"
        assert signer.post({"payload": 5}).code == "body"
    verifier = jws.JWS()
    verifier.deserialize(token, jwk.JWK(**ES256.public))
    assert verifier.payload == payload
    assert header_of(token)["typ"] == "JOSE"


def test_lifetime_and_issuer_are_what_the_command_line_says(tmp_path: Path) -> None:
    arguments = ("--token-lifetime=600", "--issuer=https://auth.example.com")
    with signing(tmp_path, secret_files("web", ES256), *arguments) as signer:
        assert signer.post({"claims": claims(exp=int(time.time()) + 600)}).status == 200
        assert signer.post({"claims": claims(exp=int(time.time()) + 700)}).code == "late-exp"
        assert signer.post({"claims": claims(iss="https://other.example")}).code == "issuer"


def test_any_lifetime_is_signed_where_that_is_allowed(tmp_path: Path) -> None:
    with signing(tmp_path, secret_files("web", ES256), "--any-lifetime") as signer:
        assert signer.post({"claims": {"sub": "for ever"}}).status == 200
        assert signer.post({"claims": claims(exp=int(time.time()) + 10**8)}).status == 200


def test_no_answer_and_no_page_holds_a_private_member(signer: Signer) -> None:
    answers = [
        signer.post({"entry": entry, "claims": body}).body
        for entry in ("web", "old", "peer")
        for body in (claims(), {})
    ]
    pages = [signer.ask_admin(path).body for path in ("/metrics", "/readyz?verbose", "/healthz")]
    everything = b"".join([*answers, *pages, signer.log.encode()])
    for key in (ES256, RS256, HS256):
        members = key.private.reveal()
        for name in ("d", "p", "q", "dp", "dq", "qi", "k"):
            assert str(members.get(name, "no such member")).encode() not in everything
