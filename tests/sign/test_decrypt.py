"""`POST /v1/decrypt`: what joserfc encrypts to the published keys, the signer opens."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator

import pytest
from joserfc import jwe
from joserfc.jwk import import_key

from jwks_operator.keys.generate import GeneratedKey
from jwks_operator.keys.secret_files import Form
from sign.running import Signer, claims, make_key, secret_files, signing

ALGORITHMS = ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", "A128KW", "A256GCMKW", "A256GCM", "A128CBC-HS256")
DIRECT = ("A256GCM", "A128CBC-HS256")
CONTENT = ("A128GCM", "A256CBC-HS512")


def entry_of(algorithm: str) -> str:
    return algorithm.lower().replace("+", "-")


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    files = secret_files("web", make_key("ES256"))
    for algorithm in ALGORITHMS:
        retired = (make_key(algorithm, 1),)
        files |= secret_files(entry_of(algorithm), make_key(algorithm), Form.JWK_SET, retired)
    with signing(tmp_path_factory.mktemp("decrypt"), files) as running:
        yield running


def encrypt(key: GeneratedKey, content: str, **header: str) -> str:
    """Encrypt as a sender does."""
    members = key.public or key.private.reveal()
    recipient = import_key({name: value for name, value in members.items() if name != "key_ops"})  # type: ignore[misc]
    direct = key.algorithm in DIRECT
    alg, enc = ("dir", key.algorithm) if direct else (key.algorithm, content)
    protected = {"alg": alg, "enc": enc, "kid": key.kid, **header}
    return jwe.encrypt_compact(protected, b"attack at dawn", recipient, algorithms=[alg, enc, "DEF"])


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_active_and_retired_keys_decrypt(signer: Signer, algorithm: str, content: str) -> None:
    for number in (0, 1):
        key = make_key(algorithm, number)
        answer = signer.post({"entry": entry_of(algorithm), "token": encrypt(key, content)}, "/v1/decrypt")
        assert answer.status == 200, answer
        assert urlsafe_b64decode(str(answer.json["payload"]) + "==") == b"attack at dawn"
        assert answer.json["kid"] == key.kid


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_that_was_changed_is_refused_without_a_hint(signer: Signer, algorithm: str) -> None:
    token = encrypt(make_key(algorithm), CONTENT[0])
    details = set()
    for part in range(1, 5):
        parts = token.split(".")
        first = parts[part][:1]
        parts[part] = ("B" if first == "A" else "A") + parts[part][1:]
        answer = signer.post({"entry": entry_of(algorithm), "token": ".".join(parts)}, "/v1/decrypt")
        assert (answer.status, answer.code) == (400, "token")
        details.add(answer.json["detail"])
    assert len(details) == 1


def test_what_is_not_for_decryption_is_refused(signer: Signer) -> None:
    entry, key = entry_of("RSA-OAEP-256"), make_key("RSA-OAEP-256")
    good = encrypt(key, CONTENT[0])
    cases: list[tuple[object, str]] = [
        ({"entry": "web", "token": good}, "use"),
        ({"entry": entry, "token": "a.b.c"}, "token"),
        ({"entry": entry, "token": 5}, "body"),
        ({"entry": entry, "token": good, "alg": "none"}, "body"),
        ({"entry": entry, "token": encrypt(make_key("ECDH-ES"), CONTENT[0])}, "token"),
        ({"entry": entry, "token": encrypt(make_key("ECDH-ES"), CONTENT[0], kid=key.kid)}, "token"),
        ({"entry": entry, "token": encrypt(key, CONTENT[0], zip="DEF")}, "token"),
    ]
    assert [signer.post(body, "/v1/decrypt").code for body, _ in cases] == [code for _, code in cases]


def test_an_encryption_entry_signs_nothing(signer: Signer) -> None:
    assert signer.post({"entry": entry_of("ECDH-ES"), "claims": claims()}).code == "use"
