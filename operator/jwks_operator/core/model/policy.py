"""What a set asks for, as the record stores it: derived from an accepted spec, and read without any admission rule.

A later version may add, tighten or drop rules of admission; the policy that was derived under the rules of its time
stays in force and readable. Defaults are resolved here, so a changed default is a change of the policy, and attributes
are named as in the spec. What a spec leaves to the name of the set (`None`) stays so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

from jwks_operator.api.certificate_spec import DEFAULT_DURATION
from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.documents_spec import DocumentFormat
from jwks_operator.api.names import JWKS_KEY
from jwks_operator.api.spec import DeletionPolicy, PodRefresh, Prepublish, Recovery
from jwks_operator.api.targets_spec import DEFAULT_FORMATS
from jwks_operator.core.model.stored import Stored, Time, Wait
from jwks_operator.keys.naming import EddsaName

NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Facts(Stored):
    """Facts about the observed of a set, of which every wait is a sum (the sums stand in `api/defaults.py`).

    One that an older version did not store is not believed to be nothing: it takes its default.
    """

    token_lifetime: Wait = DEFAULTS["token_lifetime"]
    cache_max_age: Wait = DEFAULTS["cache_max_age"]
    stale_window: Wait = DEFAULTS["stale_window"]
    edge_cache: Wait = DEFAULTS["edge_cache"]
    verifier_refresh: Wait = DEFAULTS["verifier_refresh"]
    propagation: Wait = DEFAULTS["propagation"]
    clock_skew: Wait = DEFAULTS["clock_skew"]
    restart: Wait = NOTHING
    """How long a restart of workloads takes; nothing if there is none."""
    excess: Wait = NOTHING
    """Part of every wait: by how much a former wait was longer, where nobody knows by which fact."""

    def total(self, terms: Iterable[str]) -> timedelta:
        """Return the sum of some facts, by their names."""
        return sum((getattr(self, term) for term in terms), NOTHING)

    def longest(self, other: "Facts | None") -> "Facts":
        """Return the longer of each fact; the same facts if there are no others."""
        if other is None or other is self:
            return self
        return replace(self, **{name: max(getattr(self, name), getattr(other, name)) for name in FACTS})

    def any_below(self, other: "Facts") -> bool:
        """Tell whether any fact is shorter than that of the other ones."""
        return any(getattr(self, name) < getattr(other, name) for name in FACTS)


FACTS = tuple(each.name for each in fields(Facts) if each.name != "unknown")
NO_FACTS = Facts(*(NOTHING for _ in FACTS))


@dataclass(frozen=True, slots=True)
class Window(Stored):
    """A recurring span in which activations may happen: a cron expression and a length."""

    schedule: str
    duration: Wait


@dataclass(frozen=True, slots=True)
class Freeze(Stored):
    """A span in which nothing is activated; its end does not belong to it."""

    from_: Time
    to: Time


@dataclass(frozen=True, slots=True)
class Rotation(Stored):
    """When keys are replaced: by `every` or by `schedule`, and only on request if there is neither."""

    every: Wait | None = None
    schedule: str | None = None
    time_zone: str = "UTC"
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    jitter: Wait = NOTHING
    prepublish: Prepublish = Prepublish.ALWAYS
    rollback_window: Wait | None = None
    """How long a retired signing key keeps its private half; None is one lead."""


@dataclass(frozen=True, slots=True)
class Source(Stored):
    """A data key of an object in the same namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Import(Stored):
    """Where keys that exist already are taken from."""

    secret_ref: Source | None = None
    public_ref: Source | None = None
    external_ref: Source | None = None
    """The ConfigMap with public halves of keys whose private halves live elsewhere; then it is the only source."""


@dataclass(frozen=True, slots=True)
class CertificateTerms(Stored):
    """What certificates of an entry say, and who signs them."""

    common_name: str
    ca_secret: str | None = None
    """The Secret of the CA; None if each key signs its own."""
    names: tuple[str, ...] = ()
    duration: Wait = DEFAULT_DURATION
    renew_before: Wait | None = None

    @property
    def renewal_share(self) -> float:
        """Which share of its life a certificate has left when it is renewed, also if its CA made it shorter."""
        return 1 / 3 if self.renew_before is None else self.renew_before / self.duration


@dataclass(frozen=True, slots=True)
class EntryPolicy(Stored):
    """One line of keys; its rotation is its own or that of the set."""

    name: str
    algorithm: str
    modulus_length: int | None = None
    """Bits of RSA keys; None for other keys, and where any will do."""
    crv: str | None = None
    """Curve of keys whose algorithm leaves it open; None for other keys, and where any will do."""
    rotation: Rotation = Rotation()
    import_: Import | None = None
    certificate: CertificateTerms | None = None

    @property
    def imports_private(self) -> bool:
        """Whether the entry names a source of keys to be used: a private key, or keys that are held elsewhere."""
        return self.import_ is not None and (self.import_.secret_ref is not None or self.is_external)

    @property
    def is_external(self) -> bool:
        """Whether the private halves of the entry's keys live elsewhere."""
        return self.import_ is not None and self.import_.external_ref is not None


@dataclass(frozen=True, slots=True)
class Revocation(Stored):
    """Keys that must no longer be trusted: one kid, or all that were created before a time."""

    kid: str | None = None
    created_before: Time | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConfigMapTarget(Stored):
    """The ConfigMap with the published set."""

    name: str | None = None
    key: str = JWKS_KEY
    aliases: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document(Stored):
    """A subset of the published keys, by entry, under names and paths of its own."""

    name: str
    entries: tuple[str, ...] = ()
    format: str = DocumentFormat.JWK_SET
    aliases: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Further URL paths, the one of its discovery document first."""


@dataclass(frozen=True, slots=True)
class SeenAt(Stored):
    """A public URL that shows the set, or one document of it."""

    url: str
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Publish(Stored):
    """How the public keys are published."""

    config_map: ConfigMapTarget = ConfigMapTarget()
    documents: tuple[Document, ...] = ()
    issuer: str | None = None
    jwks_uri: str | None = None
    """URL of the whole set in the discovery document; None is one below the issuer."""
    discovery: Mapping[str, Any] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    """Further URL paths of the set, the one of the discovery document first."""
    media_type: str | None = None
    eddsa_name: EddsaName = "EdDSA"
    allow_origins: tuple[str, ...] | None = None
    """Origins of cross-origin requests; None is every one."""
    historical: bool = False
    max_keys: int = 30
    service_name: str | None = None
    seen_at: tuple[SeenAt, ...] = ()
    namespaces: str | None = None
    """Label query for the namespaces that get a copy; None is none of them, empty is all that consent."""


@dataclass(frozen=True, slots=True)
class Restart(Stored):
    """Workloads that are restarted when the keys in the Secret change, by a label query; empty is all that consent."""

    selector: str = ""


@dataclass(frozen=True, slots=True)
class SecretTarget(Stored):
    """The consumer Secret."""

    name: str | None = None
    formats: tuple[str, ...] = DEFAULT_FORMATS
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    restart: Restart | None = None


@dataclass(frozen=True, slots=True)
class Policy(Stored):
    """Everything that a record knows of what its set asks for."""

    keys: tuple[EntryPolicy, ...]
    rotation: Rotation = Rotation()
    """That of the set: it governs the keys of entries that have left."""
    facts: Facts = Facts()
    lead: Wait | None = None
    """A lead that is stated; it counts where it is longer than the sum of its facts."""
    retention: Wait | None = None
    """A retention that is stated, likewise."""
    revoked: tuple[Revocation, ...] = ()
    held: tuple[str, ...] = ()
    publish: Publish = Publish()
    secret: SecretTarget = SecretTarget()
    pod_refresh: PodRefresh = PodRefresh.ON_EMERGENCY
    recovery: Recovery = Recovery.REGENERATE
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    suspend: bool = False


@dataclass(frozen=True, slots=True)
class SafetyFields:
    """What of a spec counts although the rest of it is refused: nobody who pulls a brake waits for a correction."""

    suspend: bool = False
    held: tuple[str, ...] = ()
    revoked: tuple[Revocation, ...] = ()
    retains: bool = False
    """Whether the objects stay when the set is deleted."""


NO_SAFETY_FIELDS = SafetyFields()
