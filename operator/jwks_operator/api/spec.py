"""The spec of a JsonWebKeySet: what a user may write, with the rules it must keep.

Text below an attribute is what `kubectl explain` prints: what it is, its unit and default, and what follows
from it.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from jwks_operator.api.admission_rules import Model, Rule, cel_list, rule_error
from jwks_operator.api.certificate_spec import Certificate
from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.document_rules import entries_are_published, entries_exist
from jwks_operator.api.durations import cel_is_duration
from jwks_operator.api.fields import UNIQUE, EntryName, Kid
from jwks_operator.api.import_spec import External, Import
from jwks_operator.api.overrides import overrides_cover_facts
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_rules import MOST_READERS, readers_can_read, refresh_covers_readers
from jwks_operator.api.reader_sizes import fits_readers
from jwks_operator.api.readers import slowest_refresh
from jwks_operator.api.revocation_spec import Revocation
from jwks_operator.api.rotation_spec import Prepublish, Rotation, RotationPolicy
from jwks_operator.api.set_choices import DeletionPolicy, PodRefresh, Recovery
from jwks_operator.api.targets_spec import ConfigMapTarget, Publish, SecretTarget
from jwks_operator.api.timing_spec import Timing
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.secret_files import Format

__all__ = [
    "ConfigMapTarget",
    "DeletionPolicy",
    "Format",
    "JsonWebKeySetSpec",
    "KeyEntry",
    "PodRefresh",
    "Prepublish",
    "Publish",
    "Recovery",
    "Rotation",
    "RotationPolicy",
    "SecretTarget",
    "Timing",
]


RSA_ALGORITHMS = tuple(name for name, row in ALGORITHMS.items() if row.modulus_lengths)
CURVE_ALGORITHMS = tuple(name for name, row in ALGORITHMS.items() if len(row.curves) > 1)
SIGNATURE_ALGORITHMS = tuple(name for name, row in ALGORITHMS.items() if row.key_class is KeyClass.SIGNATURE)
OPEN_CURVES = tuple(dict.fromkeys(crv for name in CURVE_ALGORITHMS for crv in ALGORITHMS[name].curves))
SYMMETRIC_ALGORITHMS = tuple(name for name, row in ALGORITHMS.items() if row.key_class is KeyClass.SYMMETRIC)
NOT_SIGNING_CURVES = ("X25519", "X448")


def _known_curve(name: str) -> str:
    if name not in OPEN_CURVES:
        supported = ", ".join(f'"{known}"' for known in OPEN_CURVES)
        raise rule_error(f'Unsupported value: "{name}": supported values: {supported}')
    return name


def _known_algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        supported = ", ".join(f'"{known}"' for known in ALGORITHMS)
        raise rule_error(f'Unsupported value: "{name}": supported values: {supported}')
    return name


class KeyEntry(Model):
    """One line of keys; at most one of them is active."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="modulusLength",
            cel=f"!has(self.modulusLength) || self.algorithm in {cel_list(RSA_ALGORITHMS)}",
            holds=lambda entry: entry.modulus_length is None or entry.algorithm in RSA_ALGORITHMS,
            message=f"modulusLength is only for RSA algorithms ({', '.join(RSA_ALGORITHMS)}); remove it",
        ),
        Rule(
            field="crv",
            cel=f"!has(self.crv) || self.algorithm in {cel_list(CURVE_ALGORITHMS)}",
            holds=lambda entry: entry.crv is None or entry.algorithm in CURVE_ALGORITHMS,
            message=f"crv is only for algorithms that leave the curve open ({', '.join(CURVE_ALGORITHMS)}); remove it",
        ),
        Rule(
            field="certificate",
            cel=f"!has(self.certificate) || !(self.algorithm in {cel_list(SYMMETRIC_ALGORITHMS)})",
            holds=lambda entry: entry.certificate is None or entry.algorithm not in SYMMETRIC_ALGORITHMS,
            message="symmetric keys have no certificate; remove it",
        ),
        Rule(
            field="certificate.selfSigned",
            cel="!has(self.certificate) || !has(self.certificate.selfSigned) || !has(self.crv) || "
            f"!(self.crv in {cel_list(NOT_SIGNING_CURVES)})",
            holds=lambda entry: (
                entry.certificate is None
                or entry.certificate.self_signed is None
                or entry.crv not in NOT_SIGNING_CURVES
            ),
            message="a key on X25519 or X448 cannot sign its own certificate; use caSecretRef or another curve",
        ),
        Rule(
            field="import.publicRef",
            cel="!has(self.__import__) || !has(self.__import__.publicRef) || "
            f"self.algorithm in {cel_list(SIGNATURE_ALGORITHMS)}",
            holds=lambda entry: (
                entry.import_ is None or entry.import_.public_ref is None or entry.algorithm in SIGNATURE_ALGORITHMS
            ),
            message="publicRef is only for algorithms that sign: nobody checks anything with other public keys; "
            "remove it",
        ),
        Rule(
            field="external",
            cel=f"!has(self.external) || self.algorithm in {cel_list(SIGNATURE_ALGORITHMS)}",
            holds=lambda entry: entry.external is None or entry.algorithm in SIGNATURE_ALGORITHMS,
            message="external is only for algorithms that sign; remove it, or choose one of them",
        ),
        Rule(
            field="external",
            cel="!has(self.external) || !(has(self.__import__) || has(self.certificate))",
            holds=lambda entry: entry.external is None or (entry.import_ is None and entry.certificate is None),
            message="external brings every key of the entry, without a private half: import and certificate do not go "
            "with it; remove them",
        ),
    )

    name: EntryName
    """Name of the entry, a DNS label without dots of at most 52 characters, unique in the set. It names the
    files in the Secret (<name>.jwk, <name>.pem, ...). Renaming an entry replaces its keys: the old ones
    retire."""
    algorithm: Annotated[
        str,
        AfterValidator(_known_algorithm),
        Field(json_schema_extra={"enum": list(ALGORITHMS)}),
    ]
    """JOSE algorithm (RFC 7518), for example ES256; it fixes key type, curve, use and operations. A
    change brings a successor of the new algorithm; tokens of the old one stay valid until they expire."""
    modulus_length: Literal[2048, 3072, 4096] | None = None
    """Size of RSA keys in bits: 2048, 3072 or 4096. Default 3072. Only for RSA algorithms; a change applies
    to the next key."""
    crv: Annotated[str, Field(json_schema_extra={"enum": list(OPEN_CURVES)}), AfterValidator(_known_curve)] | None = (
        None
    )
    """Curve of ECDH-ES keys: P-256 (default), P-384, P-521, X25519 or X448. All other algorithms fix theirs; a
    change applies to the next key."""
    rotation: Rotation | None = None
    """When the keys of this entry are replaced. Replaces spec.rotation as a whole; the two are
    not merged."""
    import_: Annotated[Import | None, Field(alias="import")] = None
    """Import existing keys: the private key of this entry, the public keys of another issuer, or both."""
    external: External | None = None
    """Keys that this operator never makes or holds: it publishes their public halves, waits, switches and retires. Add
    the next key in time; Degraded says NoSuccessor when there is none."""
    certificate: Certificate | None = None
    """X.509 certificate for each key, published with it as x5c and x5t#S256 (RFC 7517 sections 4.7 and 4.9), made
    with the key and renewed without a new one. Default: none, except for keys that are followed in a kubernetes.io/tls
    Secret: those have the chain of its tls.crt."""

    @property
    def imports_private(self) -> bool:
        """Whether the entry names a private key to be imported."""
        return self.import_ is not None and self.import_.secret_ref is not None


def _names_differ(entries: tuple[KeyEntry, ...]) -> tuple[KeyEntry, ...]:
    if len({entry.name for entry in entries}) < len(entries):
        raise rule_error("Duplicate value: each entry needs a name of its own")
    return entries


_RETENTION = "self.timing.retention"


def _retention_covers(window: str, among: Callable[["JsonWebKeySetSpec"], Iterable[Rotation | None]]) -> Rule:
    """Return the rule that retention is at least the roll-back window of some rotations.

    `window` is CEL over `self` or, for the rotations of the entries, over `e`.
    """
    path = window.removesuffix(".rollbackWindow")
    longer = f"!{cel_is_duration(window)} || duration({_RETENTION}) >= duration({window})"
    fits = f"!has({path}) || !has({window}) || {longer}"
    of_entries = path.startswith("e.")

    def holds(spec: "JsonWebKeySetSpec") -> bool:
        windows = [rotation.rollback_window for rotation in among(spec) if rotation]
        retention = spec.timing.retention
        return retention is None or all(window is None or retention >= window for window in windows)

    return Rule(
        field="timing.retention",
        cel=f"!has(self.timing) || !has({_RETENTION}) || !{cel_is_duration(_RETENTION)} || "
        + (f"self.keys.all(e, {fits})" if of_entries else fits),
        holds=holds,
        message=f"retention is shorter than {'keys[].' if of_entries else ''}rotation.rollbackWindow; "
        "lengthen retention or shorten rollbackWindow",
    )


def _tls_has_certificates(spec: "JsonWebKeySetSpec") -> bool:
    certified = all(
        entry.certificate or entry.imports_private or entry.external or entry.algorithm in SYMMETRIC_ALGORITHMS
        for entry in spec.keys
    )
    return Format.TLS not in spec.secret.formats or certified


_TLS_NEEDS_CERTIFICATES = Rule(
    field="secret.formats",
    cel="!has(self.secret) || !has(self.secret.formats) || !('TLS' in self.secret.formats) || "
    "self.keys.all(e, has(e.certificate) || (has(e.__import__) && has(e.__import__.secretRef)) || has(e.external) || "
    f"e.algorithm in {cel_list(SYMMETRIC_ALGORITHMS)})",
    holds=_tls_has_certificates,
    message="format TLS needs a certificate for every key that is not symmetric; add keys[].certificate, import keys "
    "from a kubernetes.io/tls Secret, or remove TLS",
)


class JsonWebKeySetSpec(Model):
    """The wanted keys, when they rotate, and where they go."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *overrides_cover_facts(),
        _retention_covers("self.rotation.rollbackWindow", lambda spec: [spec.rotation]),
        _retention_covers("e.rotation.rollbackWindow", lambda spec: [entry.rotation for entry in spec.keys]),
        _TLS_NEEDS_CERTIFICATES,
        entries_exist(),
        entries_are_published(SYMMETRIC_ALGORITHMS),
        refresh_covers_readers(),
        *readers_can_read(),
        *fits_readers(),
    )

    keys: Annotated[
        tuple[KeyEntry, ...],
        Field(
            min_length=1,
            max_length=10,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
        AfterValidator(_names_differ),
    ]
    """The entries of the set, 1 to 10, each with at most one active key. The key of an added entry becomes active
    after one lead; a removed entry's key retires and stays published until its tokens have
    expired."""
    rotation: Rotation = Rotation()
    """When keys are replaced. Default: every 720h. The rotation of an entry replaces it."""
    timing: Timing = Timing()
    """Facts about tokens, caches and verifiers, from which the operator derives how long a key is published
    before (lead) and after (retention) its use. The defaults fit tokens of 1h and verifiers that refetch
    within 1h."""
    readers: Annotated[tuple[Reader, ...], Field(max_length=MOST_READERS), *UNIQUE] = ()
    """Known verifiers that read the published set, by name. timing.verifierRefresh is at least that of the slowest one,
    and a set that one of them refuses as a whole, or that is too large for it, needs a document (publish.documents)
    that this one can read. What shows only in the published set is the condition Degraded, ReaderRefuses.
    docs/readers.md has what each one does, with sources."""
    revoked: Annotated[tuple[Revocation, ...], Field(max_length=100)] = ()
    """Keys that must no longer be trusted. They leave the published set and the Secret at once and for
    ever, their private halves are destroyed, and a successor becomes active at once; removing an item from this list
    restores nothing. How long verifiers may still trust them is in status.revocationLatency."""
    held: Annotated[tuple[Kid, ...], Field(max_length=100), *UNIQUE] = ()
    """Key identifiers (kid) of keys that are kept beyond their retention, for example for a long-lived token.
    Remove the kid here to release the key."""
    publish: Publish = Publish()
    """How the public keys are published."""
    secret: SecretTarget = SecretTarget()
    """The Secret with the active private keys."""
    pod_refresh: PodRefresh | None = None
    """When the kubelets of pods that mount the Secret or the ConfigMap are made to write the new content at once, where
    the operator runs with --pod-refresh; the pods consent by the label jwks-operator.dev/allow-set: <name of the set>.
    OnEmergency (default): after a revocation, and when a key is used before its lead has passed. Always: after every
    step. No wait becomes shorter by it."""
    recovery: Recovery = Recovery.REGENERATE
    """What to do when private keys are lost and cannot be rebuilt. Regenerate (default): generate new ones, keep
    publishing the old public keys. Manual: do nothing until you act, with Ready=False."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What happens after the set was deleted. Delete (default): keys, Secret and ConfigMap are removed 10
    minutes later; a set of the same name that is created earlier adopts them. Retain: they are kept."""
    suspend: Annotated[bool, Field(strict=True)] = False
    """True stops scheduled and requested rotations. Repair and removal of expired keys continue. Default
    false."""

    def fact(self, attribute: str) -> timedelta:
        """Return a fact (an attribute of DEFAULTS): as stated, else that of the slowest reader, else the default."""
        stated: timedelta | None = getattr(self.timing, attribute)
        named = (*self.readers, *(() if self.timing.preset is None else (self.timing.preset,)))
        of_readers = slowest_refresh(named) if attribute == "verifier_refresh" else None
        return next(value for value in (stated, of_readers, DEFAULTS[attribute]) if value is not None)

    def rotation_of(self, entry: KeyEntry) -> Rotation:
        """Return the rotation that holds for the entry: its own, else that of the set."""
        return self.rotation if entry.rotation is None else entry.rotation
