"""A file in the wrong form: the message says what it is, and the command in it makes what is wanted.

The commands are run as they are printed, but for those of tools that not every machine has.
"""

import base64
import gzip
import json
import os
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
from jwks_operator.keys.members import encode_octets
from keys.samples import fresh, octets_of, private_windows
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


ED = dict(fresh("Ed25519").private.reveal())
OTHER = fresh("ES256", None, 1)
OTHER_CERTIFICATE = load_chain(self_signed(OTHER.public, OTHER.private, TERMS))[0].public_bytes(Encoding.DER)


def rsa_xml() -> bytes:
    members = fresh("RS256").private.reveal()
    names = {"Modulus": "n", "Exponent": "e", "P": "p", "Q": "q", "DP": "dp", "DQ": "dq", "InverseQ": "qi", "D": "d"}
    values = (
        f"<{tag}>{base64.b64encode(octets_of(str(members[name]))).decode()}</{tag}>" for tag, name in names.items()
    )
    return f"<RSAKeyValue>{''.join(values)}</RSAKeyValue>".encode()


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


COMMAND = re.compile(r"(?<=[;:,] )(python3|openssl|ssh-keygen|iconv|tail|printf|base64|gzip|sed|jq|\(\.) .*")
"""The begin of a command in a message."""
JQ = """
import json, sys, jq
*options, program, path = sys.argv[1:]
text = open(path).read()
program = jq.compile(program)
values = [json.loads(line) for line in text.splitlines()] if options == ["-s"] else json.loads(text)
for each in program.input_value(values).all():
    print(each if options == ["-r"] else json.dumps(each))
"""
"""The program jq as far as messages use it, on its library."""
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
    "base64 of gzip": (base64.b64encode(gzip.compress(PEM)), "ES256", "base64 of a file compressed with gzip; base64"),
    "base64 twice": (base64.b64encode(base64.b64encode(PEM)), "ES256", "base64 of base64 of the file"),
    "base64url of a JWK": (
        base64.urlsafe_b64encode(JWK + b" " * ((1 - len(JWK)) % 3)).rstrip(b"="), "ES256", "base64url of the file",
    ),
    "DER in base64 without lines of PEM": (base64.b64encode(DER), "ES256", "base64 of a private key in DER; base64 -d"),
    "DER in hexadecimal": (DER.hex(":").encode(), "ES256", "hexadecimal of a private key in DER"),
    "PKCS#8 under another label": (
        PEM.replace(b"PRIVATE KEY", b"RSA PRIVATE KEY"), "ES256", "the body of PRIVATE KEY under the label RSA PRIVATE",
    ),
    "PEM that ends as another thing": (PEM.replace(b"END P", b"END EC P"), "ES256", "first and last line name differ"),
    "PEM with typographic dashes": (PEM.replace(b"-----", "—–".encode()), "ES256", "do not have five hyphens; sed"),
    "PEM with four hyphens": (PEM.replace(b"-----", b"----"), "ES256", "do not have five hyphens; sed"),
    "another encoding": (JWK[:-1] + ', "note": "é"}'.encode("latin-1"), "ES256", "another encoding than UTF-8; iconv"),
    "a JWK as a string": (json.dumps(JWK.decode()).encode(), "ES256", "a JSON document written as a string"),
    "a JWK as a string in a member": (
        json.dumps({"key": JWK.decode()}).encode(), "ES256", r"around a private key; jq '\.key \| fromjson' FILE",
    ),
    "a JWK in a member": (json.dumps({"jwk": json.loads(JWK)}).encode(), "ES256", r"jq '\.jwk' FILE > key.json"),
    "a list of one JWK": (json.dumps([json.loads(JWK)]).encode(), "ES256", r"jq '\{keys: \.\}' FILE > key.json"),
    "JWKs by name": (json.dumps({"keys": {"a.b": json.loads(JWK)}}).encode(), "ES256", r"jq '\.keys\[\"a\.b\"\]' FILE"),
    "a JWK on each line": (b"%s\n%s" % (JWK, fresh("Ed25519").private.reveal_json()), "ES256", "2 JSON documents"),
    "a dictionary of Python": (repr(json.loads(JWK)).encode(), "ES256", "a dictionary as Python prints it"),
    "YAML": (b"\n".join(f"{n}: {json.dumps(v)}".encode() for n, v in json.loads(JWK).items()), "ES256", "YAML, and"),
    "a manifest": (
        json.dumps({"kind": "Secret", "data": {"tls.key": base64.b64encode(PEM).decode()}}).encode(),
        "ES256",
        r"a manifest of Kubernetes around a private key; jq -r '\.data\[\"tls\.key\"\] \| @base64d' FILE",
    ),
    "a file of variables": (b"export KEY='%s'\n" % JWK, "ES256", "a file of environment variables"),
    "a service account": (
        json.dumps({"type": "service_account", "private_key": PEM.decode()}).encode(),
        "ES256",
        "a service account of Google Cloud around a private key; jq -r '.private_key' FILE",
    ),
    "a secret of AWS": (
        json.dumps({"ARN": "x", "Name": "x", "SecretString": json.dumps({"a": {"key": PEM.decode()}})}).encode(),
        "ES256",
        r"a secret of AWS Secrets Manager .*; jq -r '\.SecretString \| fromjson \| \.a\.key' FILE",
    ),
    "a client with its keys": (
        json.dumps({"client_id": "a", "jwks": {"keys": [json.loads(JWK)]}}).encode(), "ES256", r"jq '\.jwks' FILE",
    ),
    "a strange name": (json.dumps({"a'b": {"c": PEM.decode()}}).encode(), "ES256", r"jq -r '\.\[\]\.c' FILE > key.pem"),
    "XML": (rsa_xml(), "RS256", "an RSA key in XML as .NET writes it; python3"),
    "a JWK in hexadecimal": (
        json.dumps({**json.loads(JWK), **{n: octets_of(str(KEY.private.reveal()[n])).hex() for n in "xyd"}}).encode(),
        "ES256",
        "kid '.*x does not have 32 octets; its members are written in hexadecimal",
    ),
    "seed and public key in one": (
        json.dumps({**ED, "d": encode_octets(octets_of(str(ED["d"])) + octets_of(str(ED["x"])))}).encode(),
        "Ed25519",
        "kid '.*d does not have 32 octets; d is seed and public key in one",
    ),
    "the use of another key": (json.dumps({**json.loads(JWK), "use": ["sig"]}).encode(), "ES256", "use is not sig.*jq"),
    "another operation": (
        json.dumps({**json.loads(JWK), "key_ops": ["decrypt"]}).encode(), "ES256", "key_ops is not a list out of",
    ),
    "the certificate of another key": (
        json.dumps({**json.loads(JWK), "x5c": [base64.b64encode(OTHER_CERTIFICATE).decode()]}).encode(),
        "ES256",
        "x5c begins with the certificate of another key",
    ),
    **{
        f"a kid that is {kid!r}": (
            json.dumps({**json.loads(JWK), "kid": kid}).encode(), "ES256", r"kid is not a string .*del\(.kid",
        )
        for kid in (1.5, True, {"a": 1})
    },
}  # fmt: skip
"""A file, the algorithm of its key, what is said; the command makes a file that can be imported."""

TOLD: dict[str, tuple[bytes, str]] = {
    "OpenSSH": (openssh("ES256"), 'in the form of OpenSSH; ssh-keygen -p -N "" -m PKCS8 -f FILE'),
    "OpenSSH of RSA": (openssh("RS256"), 'in the form of OpenSSH; ssh-keygen -p -N "" -m PKCS8 -f FILE'),
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
    "XML without the private half": (b"<?xml version='1.0'?>\n<RSAKeyValue><Modulus>AA==", "without its private half"),
    "a key of ASP.NET": (b'<?xml version="1.0"?><key id="a" version="1">', "a key of ASP.NET data protection"),
    "metadata of SAML": (b"<md:EntityDescriptor><ds:X509Certificate>", "metadata of SAML, .* JWK Set of the issuer"),
    "a placeholder": (b"<your key here>", "a placeholder"),
    "a template": (b"{{ .Values.key }}", "a template that nobody filled in; render it"),
    "a comma too many": (JWK[:-1] + b",}", "nearly JSON .*; jq . FILE says where"),
    "comments": (b"// mine\n" + JWK, "nearly JSON .*; jq . FILE says where"),
    "a member twice": (JWK[:-1] + b',"kid":"a"}', "an object names a member twice: kid; remove one of the two"),
    "an identity of age": (b"# created\nAGE-SECRET-KEY-1QQQQ\n", "an identity of age, .*; .* age -d -i FILE"),
    "a file of age": (b"age-encryption.org/v1\n-> X25519", "encrypted with age; age -d"),
    "minisign": (b"untrusted comment: minisign\nRWRT", "a key of minisign or signify"),
    "cosign": (
        b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAA==\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----",
        "an encrypted key of cosign",
    ),
    "a TPM": (b"-----BEGIN TSS2 PRIVATE KEY-----\nAA==\n-----END TSS2 PRIVATE KEY-----", "that only a TPM can use"),
    "SSH2": (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAA==", "a key of SSH2; puttygen FILE"),
    "a security key": (b"sk-ssh-ed25519@openssh.com AAAA", "a public key of a security key"),
    "NATS": (b"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY", "a seed of NATS"),
    "PASETO": (b"k4.secret.AAAA", "a key of PASETO"),
    "WireGuard": (b"[Interface]\nPrivateKey = AA=", "the settings of WireGuard"),
    "Ansible": (b"$ANSIBLE_VAULT;1.1;AES256\n3132", "encrypted with Ansible Vault; ansible-vault decrypt"),
    "SOPS in YAML": (b"data: ENC[AES256_GCM]\nsops:\n  kms: []", "encrypted with SOPS; sops --decrypt"),
    "git-crypt": (b"\0GITCRYPT\0abc", "encrypted with git-crypt"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
    "a manifest in YAML": (b"apiVersion: v1\nkind: Secret", "a manifest of Kubernetes in YAML, .*; kubectl create"),
    "a tar archive": (b"tls.key".ljust(257, b"\0") + b"ustar\0", "a tar archive; tar -xf FILE"),
    "a reference": (b"vault:secret/data/auth#key", "a reference to a key"),
    "a number in hexadecimal": (DER[-32:].hex().encode(), "32 octets in hexadecimal"),
    "a Java keystore in base64": (base64.b64encode(b"\xfe\xed\xfe\xed\0\0\0\2"), "base64 of a Java keystore .*keytool"),
    "an export of Keycloak": (
        b'[{"realm":"a","components":{"org.keycloak.keys.KeyProvider":[]}}]', "an export of Keycloak; kubectl jwks",
    ),
    "an export of Vault": (
        json.dumps({"data": {"keys": {"1": PEM.decode()}}}).encode(), "an export of Vault's .*; kubectl jwks",
    ),
    "a key of Google's API": (b'{"privateKeyData":"AA=="}', "a key of Google Cloud as .*; jq -r .privateKeyData"),
    "a key of AWS KMS": (b'{"KeySpec":"ECC_NIST_P256","PublicKey":"AA=="}', "a public key of AWS KMS, .*never leaves"),
    "a key of Key Vault": (
        json.dumps({"key": KEY.public, "attributes": {}}).encode(), "a key of Azure Key Vault, which holds public",
    ),
    "a keyset of Tink": (b'{"primaryKeyId":1,"key":[]}', "a keyset of Tink"),
    "an error": (b'{"errors":["permission denied"]}', "an error that a server answered"),
    "the numbers of two keys": (
        json.dumps({**json.loads(JWK), "d": fresh("ES256", None, 1).private.reveal()["d"]}).encode(),
        f"kid '{KEY.private.kid}', the private members do not belong .*; .*export it again",
    ),
    "a key without its public half": (
        json.dumps({n: v for n, v in json.loads(JWK).items() if n != "x"}).encode(), "kid '.*', x is missing; .* PEM",
    ),
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
    "a list": (b"[]", "neither a JWK nor a JWK Set; give a JWK Set of public keys"),
    "a private key in a document": (
        json.dumps({"a": {"private_key": PEM.decode()}}).encode(), "a private key where everybody may read it",
    ),
    "private keys in a list": (b"[" + JWK + b"]", "a private key where everybody may read it"),
    "a private key in base64": (base64.b64encode(DER), "^a private key where everybody may read it.*revoke it$"),
    "a private key in XML": (rsa_xml(), "a private key where everybody may read it"),
    "an empty set": (b'{"keys":[]}', "no public signature key is in there; its list of keys is empty"),
}  # fmt: skip

AS_A_SET: dict[str, tuple[bytes, str]] = {
    "a public key": (PUBLIC_PEM, "a public key in PEM, and a JWK Set of public keys is needed; python3"),
    "a certificate": (CERTIFICATE, "a certificate in PEM, and a JWK Set of public keys is needed; python3"),
    "a public key in DER": (PUBLIC_DER, "a public key in DER, and a JWK Set .* openssl pkey"),
    "a certificate in DER": (CERTIFICATE_DER, "a certificate in DER, and a JWK Set .* openssl x509"),
    "a list of keys": (json.dumps([KEY.public]).encode(), r"a list around public keys; jq '\{keys: \.\}' FILE"),
    "a set in a document": (json.dumps({"client_id": "a", "jwks": json.loads(SET)}).encode(), r"jq '\.jwks' FILE"),
    "a key of Key Vault": (json.dumps({"key": KEY.public, "attributes": {}}).encode(), r"jq '\.key' FILE > jwks.json"),
    "certificates of clients": (
        json.dumps([{"kid": "a", "cert": CERTIFICATE.decode()}]).encode(),
        r"jq -r '\.\[0\]\.cert' FILE > public.pem && python3",
    ),
    "a public key of OpenSSH": (
        PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "a public key of OpenSSH, and a JWK Set .* python3",
    ),
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
    found = COMMAND.search(told)
    assert found is not None, told
    command = re.sub(r" (\(pip install \w+\)|names the key by).*", "", found[0])
    (directory / "FILE").write_bytes(data)
    (directory / "FILE").chmod(0o600)
    (directory / "jq").write_text(f"#!{sys.executable}\n{JQ}")
    (directory / "jq").chmod(0o755)
    before = set(directory.iterdir())
    command = command.replace("pkcs12 -in", "pkcs12 -passin pass: -in")  # which a person is asked for
    command = command.replace("python3 ", f"{sys.executable} ")
    path = f"{directory}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-c", command], cwd=directory, capture_output=True, check=True, env=os.environ | {"PATH": path}
    )
    (new,) = {path for path in directory.iterdir() if path.name not in {"public.pem", "inner"}} - before
    return new
