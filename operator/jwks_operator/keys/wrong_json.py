"""What is this JSON document, if it is neither a JWK nor a JWK Set? Where in it is the key that is meant?

Most products put keys into a document of their own. So the document is searched for keys in every form, and the
message has the jq command that takes the one that is meant out of it. No value of the document is repeated.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from jwks_operator.keys.import_place import COMPROMISED, Place, to_set_from
from jwks_operator.keys.keycloak import KEY_PROVIDER, realms_of

Document: TypeAlias = Mapping[str, object]

_DEPTH: Final = 8
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_NAME: Final = re.compile(r"[\w.:/@ -]{1,64}", re.ASCII)
_PRIVATE_MEMBERS: Final = ("d", "k", "priv")
_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "n", "e", "k", "d", "alg", "use", "key_ops", "pub", "priv"})
_BASE64_LEAST: Final = 40


class _Form(Enum):
    """The form of a key in a document."""

    PEM = "PEM"
    JWK = "JWK"
    JWK_SET = "JWKSet"
    LIST = "list of JWKs"


@dataclass(frozen=True, slots=True)
class _Found:
    """A key, or several, in a document: the path of jq to it, its form, and whether it is private."""

    path: str
    form: _Form
    private: bool

    def command(self, place: Place) -> str:
        """Return the command that takes it out of FILE."""
        path = self.path.removesuffix(" | ") or "."
        if self.form is _Form.PEM:
            return f"jq -r '{path}' FILE > {'key.pem' if place is Place.PRIVATE else 'public.pem'}"
        path = f"{{keys: {path}}}" if self.form is _Form.LIST else path
        return f"jq '{path}' FILE > {'key.json' if place is Place.PRIVATE else 'jwks.json'}"


def name_document(document: object, place: Place) -> str:
    """Return what a JSON value is, and how to take the wanted key out of it; empty for a JWK or a JWK Set."""
    if isinstance(document, Mapping):
        if document.keys() & _MEMBERS or isinstance(document.get("keys"), list):
            return ""
        told = next((told for fits, told in _WITHOUT_KEY if fits(document)), "")
        if told:
            return told
    elif not isinstance(document, list | str) or not document:
        return ""
    elif realms_of(document):
        return _KEYCLOAK
    found = list(_search(document, "", 0))
    name = _name_of(document)
    return _name_found(found, name, place) if found or name != _UNKNOWN else ""


def _name_found(found: list[_Found], name: str, place: Place) -> str:
    private = [each for each in found if each.private]
    if place is Place.PUBLIC:
        return COMPROMISED if private else _name_public(found, name)
    if len(private) == 1:
        return f"{name} around a private key; {private[0].command(place)}"
    if private:
        return f"{name} with {len(private)} private keys; take the one to import, such as {private[0].command(place)}"
    holds = "holds public keys alone" if found else "holds no key"
    return f"{name}, which {holds}; give {place}"


def _name_public(found: list[_Found], name: str) -> str:
    if not found:
        return f"{name}, which holds no key; give {Place.PUBLIC}"
    command = found[0].command(Place.PUBLIC)
    return f"{name} around public keys; {to_set_from(command) if found[0].form is _Form.PEM else command}"


def _search(value: object, path: str, depth: int) -> Iterator[_Found]:
    """Every key below a value, in its order."""
    if depth > _DEPTH:
        return
    if isinstance(value, Mapping):
        if "kty" in value:
            yield _Found(path, _Form.JWK, _is_private(value))
        elif _are_keys(value.get("keys")):
            yield _Found(path, _Form.JWK_SET, any(map(_is_private, _listed(value["keys"]))))
        else:
            for name, inner in value.items():
                yield from _search(inner, _step(path, name), depth + 1)
    elif _are_keys(value):
        yield _Found(path, _Form.LIST, any(map(_is_private, _listed(value))))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _search(inner, f"{_here(path)}[{index}]", depth + 1)
    elif isinstance(value, str):
        yield from _search_text(value, path, depth)


def _search_text(value: str, path: str, depth: int) -> Iterator[_Found]:
    """A string may be JSON, PEM, or base64 of one of the two."""
    inner = None
    with suppress(ValueError, RecursionError):
        inner = json.loads(value)
    if isinstance(inner, dict | list):
        yield from _search(inner, f"{_here(path)} | fromjson | ", depth + 1)
    elif "-----BEGIN " in value:
        yield _Found(path, _Form.PEM, "PRIVATE KEY-----" in value)
    elif len(value) >= _BASE64_LEAST:
        text = ""
        with suppress(binascii.Error, ValueError):
            text = base64.b64decode(value, validate=True).decode()
        if text.lstrip()[:1] in {"{", "[", "-"}:
            yield from _search(text, f"{_here(path)} | @base64d", depth + 1)


def _here(path: str) -> str:
    """The value itself in the language of jq, at the begin of which and behind a pipe stands a point."""
    return f"{path}." if not path or path.endswith("| ") else path


def _step(path: str, name: str) -> str:
    """The path to a member; a strange name is not repeated: it is one of the values."""
    if _WORD.fullmatch(name):
        return f"{path}.{name}"
    return f'{_here(path)}["{name}"]' if _NAME.fullmatch(name) else f"{_here(path)}[]"


def _are_keys(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, Mapping) and "kty" in each for each in value)


def _listed(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _is_private(jwk: Document) -> bool:
    return any(name in jwk for name in _PRIVATE_MEMBERS)


def _name_of(document: object) -> str:
    if isinstance(document, str):
        return "a JSON document written as a string"
    if isinstance(document, Mapping):
        return next((name for fits, name in _NAMES if fits(document)), _UNKNOWN)
    return "a list"


def _has(*names: str) -> Callable[[Document], bool]:
    return lambda document: all(name in document for name in names)


def _are_certificates(document: Document) -> bool:
    return bool(document) and all(isinstance(v, str) and "BEGIN CERTIFICATE" in v for v in document.values())


def _is_vault(document: Document) -> bool:
    inner = document.get("data", document)
    versions = inner.get("keys") if isinstance(inner, Mapping) else None
    return isinstance(versions, Mapping) and bool(versions) and all(str(each).isdecimal() for each in versions)


_UNKNOWN: Final = "a JSON document"
_KEYCLOAK: Final = "an export of Keycloak; kubectl jwks import SET FILE --from keycloak"
_NAMES: Final[tuple[tuple[Callable[[Document], bool], str], ...]] = (
    (lambda d: d.get("type") == "service_account", "a service account of Google Cloud"),
    (_has("boxAppSettings"), "the settings of an application of Box"),
    (_has("ARN", "Name"), "a secret of AWS Secrets Manager"),
    (_has("KeyMaterial"), "a key pair of EC2"),
    (lambda d: d.get("kind") in {"Secret", "ConfigMap"}, "a manifest of Kubernetes"),
    (lambda d: isinstance(d.get("key"), Mapping) and "attributes" in d, "a key of Azure Key Vault"),
    (_has("client_id"), "the registration of a client"),
)
"""Documents in which the key that is meant is found by the search."""

_WITHOUT_KEY: Final[tuple[tuple[Callable[[Document], bool], str], ...]] = (
    (
        _has("jwks_uri"),
        'a discovery document, which only names the JWK Set; curl -fsS "$(jq -r .jwks_uri FILE)" > jwks.json',
    ),
    (
        _has("public_key", "token-service"),
        "the page of a Keycloak realm, not its JWK Set; fetch what …/protocol/openid-connect/certs serves",
    ),
    (
        _are_certificates,
        "certificates by kid, not a JWK Set; take the JWK Set that the issuer serves beside them (of Google: "
        "curl -fsS https://www.googleapis.com/oauth2/v3/certs > jwks.json)",
    ),
    (lambda d: "ciphertext" in d, "an encrypted key (JWE); decrypt it first"),
    (lambda d: "sops" in d, "encrypted with SOPS; sops --decrypt FILE > plain"),
    (lambda d: bool(realms_of(d)) or KEY_PROVIDER in d, _KEYCLOAK),
    (_is_vault, "an export of Vault's transit engine; kubectl jwks import SET FILE --from vault"),
    (
        lambda d: d.get("kind") in {"SealedSecret", "ExternalSecret"},
        "a manifest that a controller makes a Secret of; name that Secret",
    ),
    (
        _has("privateKeyData"),
        "a key of Google Cloud as its API answers; jq -r .privateKeyData FILE | base64 -d > plain",
    ),
    (
        lambda d: "KeySpec" in d or "CustomerMasterKeySpec" in d,
        "a public key of AWS KMS, whose private half never leaves it; jq -r .PublicKey FILE | base64 -d | "
        "openssl pkey -pubin -inform DER -out public.pem",
    ),
    (
        _has("primaryKeyId", "key"),
        "a keyset of Tink; write it with JwkSetConverter, or export the key in it as PEM (PKCS#8)",
    ),
    (
        lambda d: "errors" in d or "error" in d,
        "an error that a server answered, not what was asked of it; jq . FILE shows it, then ask again",
    ),
)
"""Documents of which the name alone says what to do."""
