"""What is this text, if it is neither PEM nor JSON? One table of patterns, each with what it is and what to do."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from jwks_operator.keys.import_place import COMPROMISED, NEW_KEY, Place, to_set_from

_SHOWN: Final = 65536
"""Characters of a text that are looked at: enough to tell a form by."""
_RSA_FROM_XML: Final = (
    "python3 -c 'import base64, re, sys; from cryptography.hazmat.primitives.asymmetric.rsa import *; "
    "from cryptography.hazmat.primitives.serialization import *; x = sys.stdin.read(); "
    'i = lambda t: int.from_bytes(base64.b64decode(re.search(f"<{t}>([^<]*)", x)[1]), "big"); '
    'k = RSAPrivateNumbers(*map(i, ["P", "Q", "D", "DP", "DQ", "InverseQ"]), '
    'RSAPublicNumbers(i("Exponent"), i("Modulus"))).private_key(); '
    "print(k.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())' < FILE > key.pem "
    "(pip install cryptography)"
)
_PUBLIC_FROM_SSH: Final = (
    "python3 -c 'import sys; from cryptography.hazmat.primitives.serialization import *; "
    "k = load_ssh_public_key(sys.stdin.buffer.read()); "
    "print(k.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())' < FILE > public.pem"
)
_FROM_YAML: Final = (
    "python3 -c 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))' < FILE > key.json "
    "(pip install pyyaml)"
)
_FROM_MANIFEST: Final = "kubectl create --dry-run=client -o json -f FILE > plain"
_OTHER_ENCODING: Final = "text in another encoding than UTF-8; iconv -f WINDOWS-1252 -t UTF-8 FILE > plain"
_DASHES: Final = (
    "sed -E 's/^[^A-Z]*(BEGIN|END) ([A-Z0-9 ]*[A-Z0-9]).*$/-----\\1 \\2-----/' FILE > key.pem"  # of any length and kind
)

_Tell = Callable[[re.Match[str], str, Place], str]


def name_text(data: bytes, place: Place) -> str:
    """Return what a text is, and how to make of it what the place wants; empty if it cannot be told."""
    with suppress(ValueError, RecursionError):
        if isinstance(json.loads(data), dict | list):
            return ""  # JSON, however it is indented: not a text that only looks like it
    shown = data[:_SHOWN]
    text = shown.decode("utf-8", "replace").strip()
    if "\ufffd" in text[:-1]:
        printable = sum(0x20 <= octet < 0x7F or octet in b"\t\r\n" for octet in shown)
        return _OTHER_ENCODING if printable > 0.9 * len(shown) else ""
    for pattern, told in _TEXTS:
        found = pattern.search(text)
        if found:
            return told if isinstance(told, str) else told(found, text, place)
    return ""


def _xml(_: re.Match[str], text: str, place: Place) -> str:
    if "<RSAKeyValue" in text or "<RSAParameters" in text:
        what = "an RSA key in XML as .NET writes it"
        if "<D>" in text:
            return COMPROMISED if place is Place.PUBLIC else f"{what}; {_RSA_FROM_XML}"
        return f"{what}, without its private half; write it with ExportSubjectPublicKeyInfoPem"
    if re.search(r"<key id=", text):
        return f"a key of ASP.NET data protection, which signs no tokens; {NEW_KEY}"
    if re.search(r"<(\w+:)?Entit(y|ies)Descriptor", text):
        return "metadata of SAML, which has certificates and no keys for tokens; take the JWK Set of the issuer"
    return f"a document in XML; give {place}"


def _ssh(_: re.Match[str], __: str, place: Place) -> str:
    what = "a public key of OpenSSH"
    if place is Place.PUBLIC:
        return f"{what}, and {place} is needed; {to_set_from(_PUBLIC_FROM_SSH)}"
    return f"{what}; give the file without .pub"


def _ssh2(found: re.Match[str], _: str, place: Place) -> str:
    if "PRIVATE" not in found[0]:
        give = f"; {to_set_from(_PUBLIC_FROM_SSH.replace('< FILE', '< key.pub'))}" if place is Place.PUBLIC else ""
        return (
            f"a public key in the form of RFC 4716; ssh-keygen -i -f FILE > key.pub{give or '; give the private key'}"
        )
    return COMPROMISED if place is Place.PUBLIC else "a key of SSH2; puttygen FILE -O private-openssh -o key"


def _manifest(_: re.Match[str], text: str, __: Place) -> str:
    if re.search(r"^sops:", text, re.MULTILINE):
        return "encrypted with SOPS; sops --decrypt FILE > plain"
    return f"a manifest of Kubernetes in YAML, not the key in it; {_FROM_MANIFEST}, and jq takes the key out of it"


def _nearly_json(_: re.Match[str], text: str, __: Place) -> str:
    """What begins as JSON: several documents, or what only other readers than those of JSON take."""
    documents = [line for line in text.splitlines() if line.strip()]
    with suppress(ValueError, RecursionError):
        if len(documents) > 1 and all(isinstance(json.loads(line), dict) for line in documents):
            return f"{len(documents)} JSON documents, one on each line; jq -s '{{keys: .}}' FILE > keys.json"
        json.loads(text)
        return ""
    if re.match(r"\{\s*'", text):
        return (
            "a dictionary as Python prints it; python3 -c 'import ast, json, sys; "
            "print(json.dumps(ast.literal_eval(sys.stdin.read())))' < FILE > key.json"
        )
    return "nearly JSON (a comma, a comment or a quote too many, or cut off); jq . FILE says where"


def _environment(found: re.Match[str], _: str, __: Place) -> str:
    return f"a file of environment variables; (. ./FILE && printf '%b\\n' \"${found[2]}\") > plain"


def _hexadecimal(_: re.Match[str], text: str, place: Place) -> str:
    """`wrong_forms` names octets of a form of their own; a bare number says nothing of its curve."""
    octets = len(re.sub(r"^0x|[:\s]", "", text)) // 2
    return f"{octets} octets in hexadecimal, which do not say what key they are; give {place}" if octets < 100 else ""


_TEXTS: Final[tuple[tuple[re.Pattern[str], str | _Tell], ...]] = tuple(
    (re.compile(pattern, re.ASCII), told)
    for pattern, told in (
        (r"\A(?i:<!doctype html|<html)", "a page in HTML, not the document itself; fetch it with curl -fsSL URL, and "
         "look at what comes"),
        (r"\AeyJ[\w-]*\.[\w-]*\.[\w-]*\Z", "a signed token (JWT); give the key, not what was made with it"),
        (r"\AeyJ[\w-]*(\.[\w-]*){4}\Z", "an encrypted key or token (JWE); decrypt it first"),
        (r"\A<[^<>]*>\Z|\A(?i:change.?me|todo|placeholder)\Z",
         "a placeholder; put the key there"),
        (r"\A<(\?xml|[A-Za-z])[^>]*>", _xml),
        (r"\APuTTY-User-Key-File", "a key of PuTTY; puttygen FILE -O private-openssh -o key"),
        (r"\A---- BEGIN SSH2 [A-Z ]+", _ssh2),
        (r"\Ask-(ssh|ecdsa)-", "a public key of a security key, whose private half never leaves it; " + NEW_KEY),
        (r"\A(#.*\n)*(ssh-|ecdsa-sha2-)", _ssh),
        (r"AGE-SECRET-KEY-", "an identity of age, which decrypts files and signs nothing; give the file that was "
         "encrypted with it: age -d -i FILE SECRET.age > plain"),
        (r"\Aage-encryption\.org/", "encrypted with age; age -d -i IDENTITY FILE > plain"),
        (r"\Auntrusted comment:", "a key of minisign or signify, which signs files; " + NEW_KEY),
        (r"\Ak[1-4]\.(secret|local|public|lid|sid|pid)\.", "a key of PASETO (PASERK), which signs no JWT; " + NEW_KEY),
        (r"\AS[UAOCNX][A-Z2-7]{56}\Z", "a seed of NATS (nkey), which signs no other tokens; " + NEW_KEY),
        (r"(?m)^\[Interface\]", "the settings of WireGuard, whose keys sign nothing; " + NEW_KEY),
        (r"\A\$ANSIBLE_VAULT;", "encrypted with Ansible Vault; ansible-vault decrypt --output plain FILE"),
        (r"\Aversion https://git-lfs", "a pointer of Git LFS, not the file; git lfs pull, and give the file again"),
        (r"\{\{.*\}\}|\A\$\{?\w+\}?\Z", "a template that nobody filled in; render it (helm template, envsubst)"),
        (r"(?m)^(apiVersion|sops):", _manifest),
        (r"\A[\[{]|\A(//|/\*)", _nearly_json),
        (r"(?m)\A(---\n)?-? *\"?(kty|keys|crv|kid|alg|use)\"?: ", f"YAML, and JSON is needed; {_FROM_YAML}"),
        (r"\A(export )?([A-Za-z_][A-Za-z0-9_]{0,63})=", _environment),
        (r"(?m)^\W*BEGIN [A-Z0-9 ]*(KEY|CERTIFICATE)\b", f"PEM whose lines do not have five hyphens; {_DASHES}"),
        (r"\A[a-z][a-z0-9+.-]*:\S+\Z", "a reference to a key, not the key itself; read it, and give what it holds"),
        (r"\A(0x)?[0-9a-fA-F:\s]{32,}\Z", _hexadecimal),
    )
)  # fmt: skip
"""The begin of a text, or what stands in it, what it is, and what to do; the first that fits."""
