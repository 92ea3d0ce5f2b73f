"""Where keys go: the public set into a ConfigMap, the private keys in use into a Secret."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jwks_operator.api.fields import UNIQUE, Annotations, DataKey, Labels, ObjectName
from jwks_operator.api.later import Cors, NamespaceSelector, Paths, Restart
from jwks_operator.api.names import HISTORICAL_KEY, JWKS_KEY, KEYRING_SUFFIX, OPENID_KEY, SERVE_KEY
from jwks_operator.api.rules import Model, Rule, cel_list, refused


class Format(StrEnum):
    """How private keys are written into the Secret."""

    JWK = "JWK"
    JWK_SET = "JWKSet"
    PEM = "PEM"
    TLS = "TLS"


SUPPORTED_FORMATS = (Format.JWK, Format.JWK_SET, Format.PEM)
DEFAULT_FORMATS = (Format.JWK, Format.PEM)
_RESERVED_KEYS = (SERVE_KEY, OPENID_KEY, HISTORICAL_KEY)
_RESERVED = f"{SERVE_KEY}, {OPENID_KEY} or {HISTORICAL_KEY}, which the operator uses itself; choose another"


def _no_keyring() -> Rule:
    return Rule(
        field="name",
        cel=f"!has(self.name) || !self.name.endsWith('{KEYRING_SUFFIX}')",
        holds=lambda target: target.name is None or not target.name.endswith(KEYRING_SUFFIX),
        message=f"name must not end in {KEYRING_SUFFIX}, which marks the records of sets; choose another",
    )


class ConfigMapTarget(Model):
    """The ConfigMap with the public JWK Set (RFC 7517 section 5)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _no_keyring(),
        Rule(
            field="key",
            cel=f"!has(self.key) || !(self.key in {cel_list(_RESERVED_KEYS)})",
            holds=lambda target: target.key not in _RESERVED_KEYS,
            message=f"key must not be {_RESERVED}",
        ),
        Rule(
            field="aliases",
            cel=f"!has(self.aliases) || self.aliases.all(a, !(a in {cel_list(_RESERVED_KEYS)}))",
            holds=lambda target: not {*_RESERVED_KEYS} & {*target.aliases},
            message=f"aliases must not hold {_RESERVED}",
        ),
        Rule(
            field="aliases",
            cel=f"!has(self.aliases) || !((has(self.key) ? self.key : '{JWKS_KEY}') in self.aliases)",
            holds=lambda target: target.key not in target.aliases,
            message="aliases must not repeat key; remove it from aliases",
        ),
    )

    name: ObjectName | None = None
    """Name of the ConfigMap, at most 189 characters. Default: the name of the set. Cannot change
    afterwards, because pods mount it by name."""
    key: DataKey = JWKS_KEY
    """Data key (file name when mounted) of the JWK Set. Default jwks.json."""
    aliases: Annotated[tuple[DataKey, ...], Field(max_length=8), *UNIQUE] = ()
    """More data keys with the same content, for consumers that look for a fixed one; Envoy Gateway reads
    jwks."""
    labels: Labels = Field(default_factory=dict)
    """Labels to put on the ConfigMap beside the operator's own."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations to put on the ConfigMap."""


class Publish(Model):
    """How the public keys are published."""

    rules: ClassVar[tuple[Rule, ...]] = refused(
        "issuer", "paths", "mediaType", "eddsaName", "cors", "historical", "serviceName", "namespaces"
    )

    config_map: ConfigMapTarget = ConfigMapTarget()
    """The ConfigMap with the public JWK Set."""
    issuer: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Not supported by this version. HTTPS URL of the issuer; adds an OpenID Connect discovery document."""
    paths: Paths | None = None
    """Not supported by this version. URL paths at which the set is served."""
    media_type: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Not supported by this version. Content-Type of the served set."""
    eddsa_name: Literal["Ed25519", "EdDSA"] | None = None
    """Not supported by this version. Name under which Ed25519 keys are published."""
    cors: Cors | None = None
    """Not supported by this version. Cross-origin access to the served set."""
    historical: bool | None = None
    """Not supported by this version. Publish the historical keys, too (OpenID Federation)."""
    max_keys: Annotated[int, Field(ge=2, le=100, strict=True)] = 10
    """Most keys the published set may hold, 2 to 100. Default 10; some clients refuse more. A rotation that
    would exceed it waits and is reported as a condition; keys that are needed are never dropped for it."""
    service_name: ObjectName | None = None
    """Not supported by this version. Service whose ready endpoints must all serve a key before it is
    activated."""
    namespaces: NamespaceSelector | None = None
    """Not supported by this version. Namespaces that get a read-only copy of the ConfigMap."""


class SecretTarget(Model):
    """The Secret with the private keys in use, for the pods that sign."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *refused("restart"),
        _no_keyring(),
        Rule(
            field="formats",
            cel=f"!has(self.formats) || self.formats.all(f, f in {cel_list(SUPPORTED_FORMATS)})",
            holds=lambda target: {*target.formats} <= {*SUPPORTED_FORMATS},
            message="format TLS is not supported by this version of jwks-operator; remove it "
            "(supported: JWK, JWKSet, PEM)",
        ),
    )

    name: ObjectName | None = None
    """Name of the Secret, at most 189 characters. Default: the name of the set. Cannot change afterwards,
    because pods mount it by name."""
    formats: Annotated[tuple[Format, ...], Field(min_length=1, max_length=4), *UNIQUE] = DEFAULT_FORMATS
    """How the private key of each entry is written: JWK (<entry>.jwk, RFC 7517), JWKSet (<entry>.jwks) and PEM
    (<entry>.pem, PKCS #8; not for symmetric keys). Default JWK and PEM. Encryption and symmetric entries always
    have <entry>.jwks, with every key that may still be needed to open or verify, the one in use first. TLS is not
    supported by this version."""
    labels: Labels = Field(default_factory=dict)
    """Labels to put on the Secret beside the operator's own."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations to put on the Secret."""
    restart: Restart | None = None
    """Not supported by this version. Workloads to restart after an activation."""
