"""The key providers of a Keycloak realm, out of `kc.sh export`: which of them signs, and which keys the export lacks.

A realm signs with its default algorithm, and of the providers of that algorithm with the one of the highest priority
that is enabled and active (`DefaultKeyManager`); equal priorities go by id. A provider whose key lies in a keystore or
an HSM is in the export without its key: whether it signs is told, another key is never taken for its key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from jwks_operator.keys.key_errors import UnsupportedKeyError
from jwks_operator.keys.registered import REGISTERED, Purpose

KEY_PROVIDER: Final = "org.keycloak.keys.KeyProvider"
_MEMBERS: Final = ("privateKey", "ecdsaPrivateKey", "eddsaPrivateKey", "ecdhPrivateKey")
_MASKED: Final = "**********"
_DEFAULTS: Final = {"rsa": "RS256", "eddsa": "EdDSA"}
_BY_CURVE: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_SYMMETRIC: Final = ("hmac", "aes")
_KEYSTORE: Final = "java-keystore"


@dataclass(frozen=True, slots=True)
class Realm:
    """One realm of an export: its name, the algorithm that it signs with by default, and its key providers."""

    name: str
    algorithm: str
    providers: tuple["Provider", ...]


@dataclass(frozen=True, slots=True)
class Provider:
    """One key provider; `text` is its private key as the export has it, empty if it has none."""

    name: str
    kind: str
    ident: str
    config: Mapping[str, object] = field(repr=False)
    text: str = field(repr=False)

    def first(self, member: str, silent: str = "") -> str:
        """Return the first value of a member of the configuration: Keycloak writes lists."""
        values = self.config.get(member)
        return str(values[0]) if isinstance(values, list) and values else silent

    @property
    def called(self) -> str:
        """The name for messages."""
        return f"provider {self.name} ({self.kind or 'of unknown kind'})"

    @property
    def enabled(self) -> bool:
        """Whether its keys are published at all."""
        return self.first("enabled", "true").lower() == "true"

    @property
    def active(self) -> bool:
        """Whether it may sign, and not only verify."""
        return self.first("active", "true").lower() == "true"

    @property
    def priority(self) -> int:
        """Its priority; the highest signs."""
        text = self.first("priority", "0").strip()
        return int(text) if text.lstrip("-").isdecimal() and text.isascii() else 0

    @property
    def symmetric(self) -> bool:
        """Whether its keys are secrets, which no verifier has."""
        return self.kind.startswith(_SYMMETRIC) or "secret" in self.config

    @property
    def signs(self) -> bool:
        """Whether its keys are for signatures at all."""
        row = REGISTERED.get(self.first("algorithm"))
        for_encryption = row is not None and row.purpose is Purpose.ENC
        return not (
            for_encryption
            or self.first("keyUse", "SIG").upper() != "SIG"
            or self.kind.startswith(("rsa-enc", "ecdh"))
            or "ecdhPrivateKey" in self.config
        )

    def may_sign_with(self, algorithm: str) -> bool:
        """Tell whether its key can be for an algorithm, as far as the configuration says."""
        named = self.first("algorithm") or self._default_algorithm()
        return named in {"", algorithm}

    def _default_algorithm(self) -> str:
        """What Keycloak takes where the configuration says nothing; empty for kinds that are not its own."""
        if self.kind.startswith("ecdsa"):
            return _BY_CURVE.get(self.first("ecdsaEllipticCurveKey", "P-256"), "")
        return next((name for kind, name in _DEFAULTS.items() if self.kind.startswith(kind)), "")


@dataclass(frozen=True, slots=True)
class Sorted:
    """The providers whose keys can be imported, the one that signs first, and what is left out, with the reasons."""

    providers: tuple[Provider, ...]
    left_out: tuple[str, ...]


def realms_of(document: object) -> tuple[Realm, ...]:
    """Return the realms of an export, which is one realm or a list of them; none if it is no export."""
    found = []
    for realm in document if isinstance(document, list) else [document]:
        if not isinstance(realm, dict):
            continue
        components = realm.get("components")
        if isinstance(components, dict) and ("realm" in realm or KEY_PROVIDER in components):
            listed = components.get(KEY_PROVIDER)
            providers = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
            algorithm = str(realm.get("defaultSignatureAlgorithm") or "")
            found.append(Realm(str(realm.get("realm") or realm.get("id")), algorithm, tuple(map(_provider, providers))))
    return tuple(found)


def choose_realm(realms: tuple[Realm, ...], name: str | None) -> Realm:
    """Return the realm of that name, or the only one; raises UnsupportedKeyError where it must be named."""
    known = ", ".join(realm.name[:64] for realm in realms)
    chosen = [realm for realm in realms if name in (None, realm.name)]
    if len(chosen) == 1:
        return chosen[0]
    if name is None:
        raise UnsupportedKeyError(f"several realms are in there ({known}); name the one meant with --realm")
    raise UnsupportedKeyError(f"no realm {name[:64]} is in there; it has {known}")


def sort_providers(realm: Realm) -> Sorted:
    """Return whose keys can be imported, the signing one first; raises UnsupportedKeyError if its key is not there."""
    left_out = [f"{each.called}: {reason}" for each in realm.providers if (reason := _no_use(each))]
    usable = sorted((each for each in realm.providers if not _no_use(each)), key=_rank)
    if any(each.text == _MASKED for each in usable):
        raise UnsupportedKeyError(
            "the private keys are masked in there; export with kc.sh export, not from the admin console"
        )
    signing = _signing(realm, usable)
    if signing is not None and not signing.text:
        raise UnsupportedKeyError(f"{signing.called} signs in realm {realm.name[:64]}, and {_without_key(signing)}")
    left_out += [
        f"{each.called}: {_without_key(each)}; tokens of it do not verify until its public key is in publicRef"
        for each in usable
        if not each.text
    ]
    with_key = [each for each in usable if each.text]
    return Sorted(tuple(sorted(with_key, key=lambda each: each is not signing)), tuple(left_out))


def _signing(realm: Realm, usable: list[Provider]) -> Provider | None:
    """Of the providers of the default algorithm the first; where there is none, of all that may sign."""
    active = [each for each in usable if each.active]
    fitting = [each for each in active if realm.algorithm and each.may_sign_with(realm.algorithm)]
    return next(iter(fitting or active), None)


def _no_use(provider: Provider) -> str:
    if not provider.enabled:
        return "disabled, so none of its keys is published"
    if provider.symmetric:
        return "its keys are secrets, which no verifier has"
    return "" if provider.signs else "its keys are for encryption, and sign nothing"


def _without_key(provider: Provider) -> str:
    if provider.kind == _KEYSTORE:
        where = "its key is in a Java keystore, not in the export"
        cure = "keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype PKCS12 && openssl pkcs12"
        return f"{where}; {cure} -in key.p12 -nodes -nocerts -out key.pem, and import key.pem"
    return "its key is not in the export (an HSM, or a provider that keeps it elsewhere); see docs/migration.md"


def _rank(provider: Provider) -> tuple[bool, int, str]:
    return not provider.active, -provider.priority, provider.ident


def _provider(document: Mapping[str, object]) -> Provider:
    listed = document.get("config")
    config = listed if isinstance(listed, dict) else {}
    made = Provider(
        str(document.get("name") or document.get("id") or "without a name")[:64],
        str(document.get("providerId") or "")[:64],
        str(document.get("id") or ""),
        config,
        "",
    )
    text = next((made.first(name) for name in _MEMBERS if made.first(name)), "")
    return Provider(made.name, made.kind, made.ident, config, text)
