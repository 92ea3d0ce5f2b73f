"""A file in the wrong form: the message says what it is, and the command in it makes what is wanted.

The commands are run as they are printed, but for those of tools that not every machine has.
"""

import base64
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from jwks_operator.keys.certificates import load_chain, self_signed
from jwks_operator.keys.import_reader import Wanted, read_private, read_public_keys
from jwks_operator.keys.jwk import canonical_json
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.material import load_private
from keys.samples import fresh, private_windows
from keys.test_chain_order import TERMS

KEY = fresh("ES256")
PRIVATE = load_private(KEY.private.reveal())
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
DER = PRIVATE.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = PRIVATE.public_key()
PUBLIC_PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_DER = PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
CERTIFICATE = self_signed(KEY.public, KEY.private, TERMS)
CERTIFICATE_DER = load_chain(CERTIFICATE)[0].public_bytes(Encoding.DER)
JWK = KEY.private.reveal_json()
SET = canonical_json({"keys": [KEY.public]})
PASSPHRASE = BestAvailableEncryption(b"secret")


DISCOVERY = b'{"issuer":"https://a.example","jwks_uri":"https://a.example/jwks"}'
ENCRYPTED_OPENSSH = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + base64.encodebytes(b"openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\6bcrypt\0\0\0\x0bssh-ed25519")
    + b"-----END OPENSSH PRIVATE KEY-----\n"
)


def openssh(algorithm: str) -> bytes:
    key = load_private(fresh(algorithm).private.reveal())
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def pkcs12(certificate: bool = True) -> bytes:
    leaf = load_chain(CERTIFICATE)[0] if certificate else None
    return serialize_key_and_certificates(b"auth", PRIVATE, leaf, None, NoEncryption())  # type: ignore[arg-type]


def made(command: str) -> bytes:
    return subprocess.run(command, shell=True, capture_output=True, check=True).stdout


RUN: dict[str, tuple[bytes, str, str]] = {
    "OpenSSH of Ed25519": (openssh("Ed25519"), "Ed25519", "in the form of OpenSSH; python3 -c"),
    "DER": (DER, "ES256", "a private key in DER; openssl pkey"),
    "DER of SEC 1": (
        PRIVATE.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "ES256",
        "a private key in DER; openssl pkey",
    ),
    "PKCS#12": (pkcs12(), "ES256", "a PKCS#12 file; openssl pkcs12"),
    "PKCS#12 without a certificate": (pkcs12(certificate=False), "ES256", "a PKCS#12 file; openssl pkcs12"),
    "UTF-16": (PEM.decode().encode("utf-16"), "ES256", "text in UTF-16; iconv"),
    "UTF-16 without a mark": (PEM.decode().encode("utf-16-le"), "ES256", "text in UTF-16LE; iconv"),
    "UTF-16 of a JWK": (JWK.decode().encode("utf-16-be"), "ES256", "text in UTF-16BE; iconv"),
    "UTF-32": (JWK.decode().encode("utf-32"), "ES256", "text in UTF-32; iconv"),
    "a byte order mark": (b"\xef\xbb\xbf" + JWK, "ES256", r"byte order mark \(BOM\) in front; tail"),
    "escaped newlines": (PEM.replace(b"\n", b"\\n"), "ES256", "line breaks are written as"),
    "escaped newlines in quotes": (json.dumps(PEM.decode()).encode(), "ES256", "line breaks are written as"),
    "base64 of PEM": (base64.b64encode(PEM), "ES256", "base64 of the file, encoded once too often"),
    "base64 of a JWK in lines": (base64.encodebytes(JWK), "ES256", "base64 of the file, encoded once too often"),
    "gzip": (gzip.compress(PEM), "ES256", "compressed with gzip"),
}  # fmt: skip
"""A file, the algorithm of its key, what is said; the command makes a file that can be imported."""

TOLD: dict[str, tuple[bytes, str]] = {
    "OpenSSH": (openssh("ES256"), 'in the form of OpenSSH; ssh-keygen -p -N "" -m PKCS8 -f FILE'),
    "OpenSSH of RSA": (openssh("RS256"), 'in the form of OpenSSH; ssh-keygen -p -N "" -m PKCS8 -f FILE'),
    "a service account": (
        json.dumps({"type": "service_account", "private_key": PEM.decode()}).encode(),
        "a service account .*; jq -r .private_key FILE",
    ),
    "nothing": (b"", "is empty"),
    "blanks": (b" \n\n", "is empty"),
    "an encrypted PKCS#8 file": (
        PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PASSPHRASE), "an encrypted .*; openssl pkey -in FILE",
    ),
    "an encrypted SEC 1 file": (
        PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PASSPHRASE),
        "an encrypted .*; openssl pkey -in FILE",
    ),
    "encrypted DER": (
        PRIVATE.private_bytes(Encoding.DER, PrivateFormat.PKCS8, PASSPHRASE), "an encrypted .* in DER; openssl",
    ),
    "encrypted OpenSSH of Ed25519": (ENCRYPTED_OPENSSH, 'OpenSSH; ssh-keygen -p -N "" -f FILE && python3'),
    "a PKCS#12 file in BER": (bytes.fromhex("3080020103") + b"x" * 40, "a PKCS#12 file; openssl pkcs12"),
    "a public key": (PUBLIC_PEM, "a public key in PEM, which holds no private key"),
    "a public key in DER": (PUBLIC_DER, "a public key in DER; give the private key"),
    "a certificate": (CERTIFICATE, r"a certificate in PEM, .*\(often tls.key"),
    "a certificate in DER": (CERTIFICATE_DER, "a certificate in DER; give the private key"),
    "a request": (b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----", "a request for"),
    "an RSA public key": (b"-----BEGIN RSA PUBLIC KEY-----\nAA==\n-----END RSA PUBLIC KEY-----", "a public key"),
    "parameters": (b"-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----", "the parameters of a key"),
    "PKCS#7": (b"-----BEGIN PKCS7-----\nAA==\n-----END PKCS7-----", "a PKCS#7 file"),
    "OpenPGP": (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nAA==\n-----END PGP PRIVATE KEY BLOCK-----", "OpenPGP"),
    "the beginning of a file": (PEM[:80], "a PEM file that ends early"),
    "PEM with a letter less": (PEM.replace(b"M", b"", 1), "in PEM cannot be read; openssl pkey -in FILE -noout"),
    "a curve that JOSE has not": (
        made("openssl ecparam -name brainpoolP256r1 -genkey -noout"), "on a curve that JOSE does not have",
    ),
    "a Java keystore": (b"\xfe\xed\xfe\xed\0\0\0\2", r"a Java keystore \(JKS\); keytool -importkeystore"),
    "an older Java keystore": (b"\xce\xce\xce\xce\0\0\0\2", r"a Java keystore \(JCEKS\); keytool -importkeystore"),
    "PuTTY": (b"PuTTY-User-Key-File-3: ssh-rsa\r\n", "a key of PuTTY; puttygen FILE"),
    "an OpenSSH public key": (b"ssh-ed25519 AAAA me@example", "a public key of OpenSSH; give the file without .pub"),
    "XML": (b"<RSAKeyValue><Modulus>AA==</Modulus>", "an RSA key in XML"),
    "a page": (b"<!DOCTYPE html>\n<html>", "a page in HTML"),
    "a token": (b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", r"a signed token \(JWT\)"),
    "an encrypted key": (b"eyJhbGciOiJQQkVTMiJ9.YQ.Yg.Yw.ZA", r"an encrypted key or token \(JWE\)"),
    "a discovery document": (
        DISCOVERY, "a discovery document, .*jq -r .jwks_uri",
    ),
    "a ZIP": (b"PK\3\4rest", "a ZIP archive"),
    "SOPS": (b'{"data":"ENC[AES256_GCM]","sops":{"version":"3"}}', "encrypted with SOPS; sops --decrypt"),
}  # fmt: skip
"""Files of which no command alone makes a private key, or whose tool is not at hand here."""

TOLD_OF_A_SET: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty; put a JWK Set of public keys there"),
    "a private key": (PEM, "a private key where everybody may read it: it is compromised"),
    "a private key in DER": (DER, "a private key where everybody may read it: it is compromised"),
    "a PKCS#12 file": (pkcs12(), "a private key where everybody may read it: it is compromised"),
    "a byte order mark": (b"\xef\xbb\xbf" + SET, "byte order mark"),
    "UTF-16": (SET.decode().encode("utf-16"), "text in UTF-16; iconv"),
    "gzip": (gzip.compress(SET), "compressed with gzip; gzip -dc"),
    "base64": (base64.b64encode(SET), "encoded once too often; base64 -d"),
    "a discovery document": (
        DISCOVERY, "a discovery document, .*jq -r .jwks_uri",
    ),
    "certificates by kid": (
        json.dumps({"a": CERTIFICATE.decode()}).encode(), "certificates by kid, not a JWK Set; .*oauth2/v3/certs",
    ),
    "the page of a realm": (
        b'{"realm":"shop","public_key":"MIIB","token-service":"https://a.example"}', "the page of a Keycloak realm",
    ),
    "a page": (b"\n<html>", "a page in HTML"),
    "a token": (b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "a signed token"),
    "a list": (b"[]", "neither a JWK nor a JWK Set"),
    "an empty set": (b'{"keys":[]}', "no public signature key is in there; its list of keys is empty"),
}  # fmt: skip

AS_A_SET: dict[str, tuple[bytes, str]] = {
    "a public key": (PUBLIC_PEM, "a public key in PEM, and a JWK Set of public keys is needed; python3"),
    "a certificate": (CERTIFICATE, "a certificate in PEM, and a JWK Set of public keys is needed; python3"),
    "a public key in DER": (PUBLIC_DER, "a public key in DER, and a JWK Set .* openssl pkey"),
    "a certificate in DER": (CERTIFICATE_DER, "a certificate in DER, and a JWK Set .* openssl x509"),
}


def refusal(data: bytes, says: str, algorithm: str = "ES256", *, public: bool = False) -> str:
    with pytest.raises(JwkError, match=says) as caught:
        read_public_keys(data, algorithm) if public else read_private(data, wanted(algorithm))
    assert caught.value.__context__ is None
    windows = private_windows(fresh(algorithm).private.reveal())
    assert not any(window in str(caught.value) for window in windows)
    return str(caught.value)


def wanted(algorithm: str) -> Wanted:
    return Wanted(algorithm, 2048 if algorithm == "RS256" else None)


@pytest.mark.parametrize(("data", "algorithm", "says"), RUN.values(), ids=RUN)
def test_the_command_of_the_message_makes_a_key_that_can_be_imported(
    data: bytes, algorithm: str, says: str, tmp_path: Path
) -> None:
    told = refusal(data, says, algorithm)
    assert read_private(run(told, data, tmp_path).read_bytes(), wanted(algorithm)).public["alg"] == algorithm


@pytest.mark.parametrize(("data", "says"), AS_A_SET.values(), ids=AS_A_SET)
def test_the_command_of_the_message_makes_a_set_that_can_be_imported(data: bytes, says: str, tmp_path: Path) -> None:
    content = run(refusal(data, says, public=True), data, tmp_path).read_bytes()
    (public,) = read_public_keys(content, "ES256").keys
    assert (public["x"], public["y"]) == (KEY.public["x"], KEY.public["y"])


@pytest.mark.parametrize(("data", "says"), TOLD.values(), ids=TOLD)
def test_a_file_that_is_no_private_key_is_called_by_its_name(data: bytes, says: str) -> None:
    refusal(data, says)


@pytest.mark.parametrize(("data", "says"), TOLD_OF_A_SET.values(), ids=TOLD_OF_A_SET)
def test_a_file_that_is_no_set_is_called_by_its_name(data: bytes, says: str) -> None:
    refusal(data, says, public=True)


def test_text_around_a_pem_file_is_no_trouble() -> None:
    for data in (b"Bag Attributes\n" + PEM, b"\xef\xbb\xbf" + PEM, PEM.replace(b"\n", b"\r\n"), CERTIFICATE + PEM):
        assert read_private(data, wanted("ES256")).private == KEY.private


def run(told: str, data: bytes, directory: Path) -> Path:
    """Run the command of a message on FILE, and return the file that it makes."""
    command = re.sub(r" \(pip install \w+\).*", "", told.partition("; ")[2])
    assert command, told
    (directory / "FILE").write_bytes(data)
    (directory / "FILE").chmod(0o600)
    before = set(directory.iterdir())
    command = command.replace("pkcs12 -in", "pkcs12 -passin pass: -in")  # which a person is asked for
    command = command.replace("python3 ", f"{sys.executable} ")
    subprocess.run(["bash", "-c", command], cwd=directory, capture_output=True, check=True)
    (new,) = {path for path in directory.iterdir() if path.name != "public.pem"} - before
    return new
