"""The outputs: the public set in a ConfigMap, the active private keys in a Secret."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from jwks_operator.api.admission_rules import Model, Rule, cel_list, rule_error
from jwks_operator.api.documents_spec import MOST_DOCUMENTS, Document, DocumentFormat
from jwks_operator.api.fields import UNIQUE, Annotations, DataKey, Labels, ObjectName, ServiceName
from jwks_operator.api.names import HISTORICAL_KEY, JWKS_KEY, KEYRING_SUFFIX, OPENID_KEY, SERVE_KEY
from jwks_operator.api.namespaces_spec import NamespaceSelector
from jwks_operator.api.restart_spec import Restart
from jwks_operator.api.seen_spec import MOST_URLS, SeenAt
from jwks_operator.api.serving_spec import Cors, Discovery, Issuer, Paths
from jwks_operator.keys.naming import EddsaName
from jwks_operator.keys.secret_files import Format

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


def _needs_issuer(field: str, cel: str, given: Callable[[Any], bool]) -> Rule:
    return Rule(
        field=field,
        cel=f"!({cel}) || has(self.issuer)",
        holds=lambda publish: not given(publish) or publish.issuer is not None,
        message=f"{field} needs issuer, who says it; add issuer or remove {field}",
    )


def _names_differ(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    if len({document.name for document in documents}) < len(documents):
        raise rule_error("Duplicate value: each document needs a name of its own")
    return documents


_DOCUMENTS = "!has(self.documents) || self.documents"
_CM = "has(self.configMap)"
_MAIN = f"({_CM} && has(self.configMap.key) ? self.configMap.key : '{JWKS_KEY}')"
_ALIASES = f"({_CM} && has(self.configMap.aliases) ? self.configMap.aliases : [])"
_NAMED = "[{0}.name + '.json', {0}.name + '.pem', {0}.name + '.openid-configuration']"


def _data_keys_differ(publish: Any) -> bool:
    taken = [publish.config_map.key, *publish.config_map.aliases, *_RESERVED_KEYS]
    taken += [key for document in publish.documents for key in document.data_keys()]
    return len({*taken}) == len(taken)


_OWN_DATA_KEYS = tuple(
    Rule(
        field="documents",
        cel=f"{_DOCUMENTS}.all(d, {cel})",
        holds=_data_keys_differ,
        message="a data key of a document is that of another document, of configMap or of the operator; "
        "choose other names or aliases",
    )
    for cel in (
        f"!{_NAMED.format('d')}.exists(n, n == {_MAIN} || n in {_ALIASES})",
        f"!has(d.aliases) || !d.aliases.exists(a, a == {_MAIN} || a in {_ALIASES} || "
        f"a in {cel_list(_RESERVED_KEYS)} || self.documents.exists(o, a in {_NAMED.format('o')}))",
        "!has(d.aliases) || d.aliases.all(a, self.documents.exists_one(o, has(o.aliases) && a in o.aliases))",
    )
)
_OWN_PATHS = Rule(
    field="documents",
    cel=f"{_DOCUMENTS}.all(d, !has(d.paths) || d.paths.all(p, "
    "self.documents.exists_one(o, has(o.paths) && p in o.paths)))",
    holds=lambda publish: len({*_paths(publish)}) == len(_paths(publish)),
    message="two documents have the same path; choose others",
)


def _paths(publish: Any) -> list[str]:
    return [path for document in publish.documents for path in document.paths]


def _urls_differ(urls: tuple[SeenAt, ...]) -> tuple[SeenAt, ...]:
    if len({one.url for one in urls}) < len(urls):
        raise rule_error("Duplicate value: name each URL only once")
    return urls


_SEEN_DOCUMENTS = Rule(
    field="seenAt",
    cel="!has(self.seenAt) || self.seenAt.all(s, !has(s.document) || (has(self.documents) && self.documents.exists(d, "
    f"d.name == s.document && (!has(d.format) || d.format == '{DocumentFormat.JWK_SET}'))))",
    holds=lambda publish: (
        {one.document for one in publish.seen_at}
        <= {None, *(d.name for d in publish.documents if d.format is DocumentFormat.JWK_SET)}
    ),
    message="document must be the name of one of documents, and of the format JWKSet; correct it, or remove it",
)


class Publish(Model):
    """How the public keys are published."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _needs_issuer("discovery", "has(self.discovery)", lambda publish: publish.discovery is not None),
        _needs_issuer("jwksUri", "has(self.jwksUri)", lambda publish: publish.jwks_uri is not None),
        _needs_issuer("historical", "has(self.historical) && self.historical", lambda publish: publish.historical),
        *_OWN_DATA_KEYS,
        _OWN_PATHS,
        _SEEN_DOCUMENTS,
    )

    config_map: ConfigMapTarget = ConfigMapTarget()
    """The ConfigMap with the public JWK Set."""
    documents: Annotated[
        tuple[Document, ...],
        Field(
            max_length=MOST_DOCUMENTS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
        AfterValidator(_names_differ),
    ] = ()
    """Documents beside the whole set, each with the keys of some entries: for readers that refuse a whole set for one
    key that they do not know, and as PEM for those that read no JWK Set. They are in the ConfigMap and its copies, and
    are served with it."""
    issuer: Issuer | None = None
    """HTTPS URL of the issuer, exactly as in the iss of its tokens. Adds an OpenID Connect discovery document under
    the data key openid-configuration; jwks_uri is the first of paths.jwks, by default /.well-known/jwks.json, below
    the issuer."""
    jwks_uri: Issuer | None = None
    """HTTPS URL of the set where it is served on another host than the issuer, such as a CDN or a bucket: then jwks_uri
    in the discovery document is this one. Documents of publish.documents stay below the issuer."""
    discovery: Discovery | None = None
    """More members of the discovery document with any JSON value, for example authorization_endpoint. What the
    operator derives itself (issuer, jwks_uri, id_token_signing_alg_values_supported) takes precedence."""
    paths: Paths | None = None
    """URL paths at which the set is served."""
    media_type: Literal["application/jwk-set+json", "application/json"] | None = None
    """Content-Type of the served set: application/jwk-set+json (default, RFC 7517 section 8.5) or application/json
    for clients that know nothing else."""
    eddsa_name: EddsaName | None = None
    """Name under which Ed25519 and Ed448 keys are published and handed out: EdDSA (RFC 8037), which most libraries
    know, or Ed25519 (RFC 9864: each has its own name). Default EdDSA, unless all spec.readers know Ed25519. A change
    applies to the next key, which is brought in at once; tokens of the former keys stay valid until they expire."""
    cors: Cors | None = None
    """Cross-origin access to the served documents."""
    historical: Annotated[bool, Field(strict=True)] = False
    """True also publishes signature keys that left the set under the data key historical.jwt, as a jwk-set+jwt
    (OpenID Federation historical keys) that the active key of the first signature entry signs. Only keys that leave
    while this is true are kept for it. Default false."""
    max_keys: Annotated[int, Field(ge=2, le=100, strict=True)] = 30
    """Most keys the published set may hold, 2 to 100. Default 30: three for each of ten entries. Some
    clients refuse as many. A rotation that would exceed it waits and is reported as a condition; needed keys are never
    removed for it."""
    service_name: ServiceName | None = None
    """Name of a Service in the namespace of the set, behind which pods serve the set. Every ready endpoint is asked,
    over HTTP at the first of paths.jwks or /.well-known/jwks.json: a signature key is used one lead after all of
    them served it, and a retired encryption key is kept for its retention after none of them serves it any more. An
    endpoint that lags, or a Service without ready endpoints, delays the rotation and is reported in the status.
    Default: no endpoint is asked, and timing.propagation counts."""
    seen_at: Annotated[
        tuple[SeenAt, ...],
        Field(
            max_length=MOST_URLS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["url"]},
        ),
        AfterValidator(_urls_differ),
    ] = ()
    """Public URLs at which verifiers read the set, at most 8. A signature key is used one lead after every one of them
    showed it, in several looks over the lifetime of a cached document, and a retired encryption key is kept for its
    retention after none of them shows it any more. A URL that lags, or does not answer, delays the rotation and is
    reported in the status; revocations, roll-backs and emergencies do not wait. The administrator of the operator
    allows the hosts. Default: no URL is asked, and timing counts."""
    namespaces: NamespaceSelector | None = None
    """Namespaces, by their labels, that get a read-only copy of the ConfigMap, if they consent by the label
    accept.jwks-operator.dev/<namespace of the set>: "true". The copy is named <namespace of the set>.<ConfigMap> and
    follows the published set; a key counts as published only when every copy has it, so a copy that cannot be written
    delays the rotation. Empty ({}) means every namespace that consents. Needs an operator that watches all
    namespaces. Default: no copies."""


class SecretTarget(Model):
    """The Secret with the active private keys, for the pods that sign or decrypt."""

    rules: ClassVar[tuple[Rule, ...]] = (_no_keyring(),)

    name: ObjectName | None = None
    """Name of the Secret, at most 189 characters. Default: the name of the set. Cannot change afterwards,
    because pods mount it by name."""
    formats: Annotated[tuple[Format, ...], Field(min_length=1, max_length=4), *UNIQUE] = DEFAULT_FORMATS
    """How the private key of each entry is written: JWK (<entry>.jwk, RFC 7517), JWKSet (<entry>.jwks), PEM
    (<entry>.pem, PKCS #8; not for symmetric keys) and TLS (<entry>.tls.crt and <entry>.tls.key; the entries then need
    a certificate, or a kubernetes.io/tls Secret that they follow). Default JWK and PEM. Encryption and symmetric
    entries always have <entry>.jwks, with every key that may still be needed to decrypt or verify, the active
    one first. Entries with external keys have none of these, but <entry>.ref."""
    labels: Labels = Field(default_factory=dict)
    """Labels to put on the Secret beside the operator's own."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations to put on the Secret."""
    restart: Restart | None = None
    """Workloads that read the Secret only when they start, to be restarted when one of their keys changes: an
    annotation of their pod template is changed once, and Kubernetes rolls them out by their own strategy. A workload
    that cannot be restarted is reported as a condition and delays no rotation. Empty ({}) means every workload that
    consents. Default: none; processes that read the Secret again by themselves need no restart."""
