"""What was seen: the facts of one pass, gathered once, from which alone the plan is made.

"Gone" means that an uncached read by name found nothing in this pass. What could not be read is `Unread`: it may be
anything, so that nothing is planned but the revocation of keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from jwks_operator.api.names import SetRef
from jwks_operator.api.spec import DeletionPolicy, JsonWebKeySetSpec
from jwks_operator.api.status_model import JsonWebKeySetStatus, KeyState
from jwks_operator.core.features.source_content import Sources
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.policy import NO_SAFETY_FIELDS, Policy, SafetyFields
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.model.record import Bounds, Certificate, Record, Tombstone
from jwks_operator.keys.algorithms import KeyClass

RESOLUTION = timedelta(seconds=1)
"""A Date header (RFC 9110 section 6.6.1) is up to a second older than the moment it was written."""
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the clock, taken after the last fact was gathered.

    `trusted` is False while the clock disagrees with the API server's or stepped against the monotonic one;
    `doubt` says so in words. `since` is when the clock was last found to have stepped: a wait that began
    before counts from then. A trusted clock may still be `ahead` of the API server's or `behind` it: then a witness
    is stamped with the latest time that it can be, and what waits for a time waits until the earliest has reached
    it, so that no wait is cut short between two replicas.
    """

    now: datetime
    trusted: bool = True
    doubt: str | None = None
    since: datetime | None = None
    ahead: timedelta = timedelta()
    """By how much the clock may be ahead of the API server's; nothing while a Date header explains the difference."""
    behind: timedelta = timedelta()
    """By how much it may be behind."""

    @property
    def earliest(self) -> datetime:
        """The time by which a wait is over."""
        return self.now - self.ahead

    @property
    def latest(self) -> datetime:
        """The time of a witness."""
        return self.now + self.behind

    def locally(self, time: datetime) -> datetime:
        """Return what the local clock shows when this time is surely reached."""
        if not self.ahead or time > _END - self.ahead - RESOLUTION:
            return time
        return time + self.ahead + RESOLUTION  # the Date that is heard then may be cut off by more than the last one


class DriftState(StrEnum):
    """How an owned object compares with what the record says it should be."""

    SAME = "Same"
    GONE = "Gone"
    DIFFERS = "Differs"
    RELABELLED = "Relabelled"
    """The content is right, labels or annotations of ours are not."""
    FOREIGN = "Foreign"
    """An object of that name exists and is not ours: never touched."""

    UNREAD = "Unread"
    """It could not be read in this pass, so that nobody can tell."""

    @property
    def drifted(self) -> bool:
        """Whether a write is needed to make it right."""
        return self in {DriftState.GONE, DriftState.DIFFERS, DriftState.RELABELLED}

    @property
    def restarts_clocks(self) -> bool:
        """Whether its readers may have missed a key, so that the waits that it confirms start again."""
        return self in {DriftState.GONE, DriftState.DIFFERS}


@dataclass(frozen=True, slots=True)
class RecoverableKeys:
    """What the projections still hold of a record that is gone."""

    usable: Mapping[str, FreshKey] = field(default_factory=dict)
    """Per entry, the key of the consumer Secret whose halves match each other and the published set."""
    published: tuple[FreshKey, ...] = ()
    """Every well-formed public key of the ConfigMap."""
    openers: tuple[tuple[str, FreshKey], ...] = ()
    """Entry and key of every other encryption or symmetric key of the consumer Secret: pending and retired ones."""
    buried: tuple[Tombstone, ...] = ()
    """The keys that left, as far as the historical set of the ConfigMap tells of them."""

    @property
    def empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.usable or self.published or self.openers)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready endpoint of the Service that serves the set, and what it answered in this pass."""

    name: str
    """The name of its pod, or its address if it belongs to none."""
    keys: tuple[Mapping[str, Any], ...] | None
    """Those of its public JWKs that were asked about; None if that could not be told."""
    trouble: str = ""
    """Why not, as the end of a sentence about the endpoint."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the ready endpoints of the Service said when they were asked in this pass."""

    kids: frozenset[str]
    """What they were asked about."""
    ready: tuple[Endpoint, ...] = ()
    trouble: str = ""
    """Why nobody could be asked, as a sentence; empty if everybody was."""


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """What one edge of a URL answered: one address of its host, asked over a new connection."""

    edge: str
    keys: tuple[Mapping[str, Any], ...] | None
    """Those of its public JWKs that were asked about; None if that could not be told."""
    kids: tuple[str, ...] = ()
    """The kids of everything that it shows."""
    age: timedelta = timedelta()
    """How long a cache says that it has had the document (RFC 9111 section 5.1)."""
    lifetime: timedelta = timedelta()
    """How long caches may keep it, stale windows included (RFC 9111 section 5.2.2, RFC 5861)."""
    trouble: str = ""
    """Why it could not be told, as the end of a sentence about the edge."""


@dataclass(frozen=True, slots=True)
class UrlAnswer:
    """What the edges of one URL answered in this pass."""

    url: str
    edges: tuple[EdgeAnswer, ...] = ()
    trouble: str = ""
    """Why no edge could be asked, as the end of a sentence about the URL."""
    refused: bool = False
    """Whether the administrator of the operator does not allow it; then nothing was fetched."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The copy of the published set in a namespace that is to have one, or one that cannot be removed."""

    namespace: str
    drift: DriftState
    missing: frozenset[str] = frozenset()
    """Kids that are published and that an edited copy lacks."""
    extra: frozenset[str] = frozenset()
    """Kids that an edited copy shows and that are not published."""
    refused: str = ""
    """Why it could not be written, or removed, in this pass."""
    leaves: bool = False
    """Whether it is to be no more."""


@dataclass(frozen=True, slots=True)
class ObservedState:
    """Everything a plan may depend on, except the time."""

    ref: SetRef
    generation: int
    spec: JsonWebKeySetSpec | None
    """The spec as written now; None if this version cannot read it (then `spec_complaint` says why)."""
    spec_complaint: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
    safety_fields_alone: SafetyFields = NO_SAFETY_FIELDS
    """What of a spec that cannot be read counts all the same."""
    record_complaint: str | None = None
    """Why the record that is there cannot be used; None if it can, or if there is none."""
    unread: frozenset[str] = frozenset()
    """By kind and name, or in words, what could not be read in this pass."""
    keyring_uid: str = ""
    keyring: DriftState = DriftState.GONE
    configmap: DriftState = DriftState.GONE
    secret: DriftState = DriftState.GONE
    lived_before: bool = False
    """Whether the status tells of keys: a record that is gone then was lost, not never written."""
    entries_before: Mapping[str, str] = field(default_factory=dict)
    """From the status, kid to entry: a hint for recovery, never trusted for more than a name."""
    created_before: Mapping[str, datetime] = field(default_factory=dict)
    """From the status, when each key was made: a rebuilt record must not make a key look younger."""
    answered_before: Mapping[str, datetime] = field(default_factory=dict)
    """From the status, per verb and entry, until when requests have been honoured or refused."""
    revoked_before: frozenset[str] = frozenset()
    """From the status, the keys that were revoked in a step that is not confirmed, or while there was no record."""
    tokens_before: frozenset[str] = frozenset()
    """From the status, the active and retired keys: tokens made with them may be about."""
    waiting_before: frozenset[str] = frozenset()
    """From the status, the pending keys of entries without an active one: they still wait for their lead."""
    waits_before: Mapping[KeyClass, Bounds] = field(default_factory=dict)
    """From the status, the longest waits in force per class: what is lost with a keyring was no shorter."""
    recoverable: RecoverableKeys = field(default_factory=RecoverableKeys)
    imports: Mapping[str, Sources] = field(default_factory=dict)
    """Per entry, what its sources hold; an entry that names none is not in it."""
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    """By kid, the certificates made in this pass because the plan asked for them."""
    uncertified: Mapping[str, str] = field(default_factory=dict)
    """By entry, why no certificate could be made in this pass."""
    signed: Mapping[str, str] = field(default_factory=dict)
    """By digest, the historical sets signed in this pass because the plan asked for them."""
    endpoints: Endpoints | None = None
    """What the endpoints of the Service serve; None if the plan did not ask in this pass."""
    urls: Mapping[str, UrlAnswer] | None = None
    """What the public URLs show, of those that were asked; None if the plan did not ask in this pass."""
    everywhere: bool = True
    """Whether other namespaces can be seen."""
    shard: str | None = None
    """Which shard looks after the set; all objects of the set carry it as a label."""
    copies: tuple[Copy, ...] = ()
    """The copies in the namespaces that are to have one."""
    copies_complaint: str = ""
    """Why that cannot be told."""
    former: Mapping[str, str] = field(default_factory=dict)
    """By kind and name, the uids of the objects of the set that are there under other names than it has now."""
    former_refused: Mapping[str, str] = field(default_factory=dict)
    """By kind and name, why one of them could not be written or removed in this pass."""

    @property
    def configmap_name(self) -> str:
        """The name of the ConfigMap: as declared, else the set's."""
        policy = self._in_force
        return self.ref.name if policy is None else policy.publish.config_map.name or self.ref.name

    @property
    def secret_name(self) -> str:
        """The name of the consumer Secret: as declared, else the set's."""
        policy = self._in_force
        return self.ref.name if policy is None else policy.secret.name or self.ref.name

    @property
    def written(self) -> Policy | None:
        """The policy that the spec asks for as it is written now, sound or not; None if it cannot be read."""
        return None if self.spec is None else policy_from_spec(self.spec)

    @property
    def safety_fields(self) -> SafetyFields:
        """What of the written spec counts whether it is acceptable or not."""
        return self.safety_fields_of(self.written)

    def safety_fields_of(self, written: Policy | None) -> SafetyFields:
        """Return the safety fields of the written policy; of a spec that cannot be read, what was read of it."""
        return (
            self.safety_fields_alone
            if written is None
            else SafetyFields(
                written.suspend, written.held, written.revoked, written.deletion_policy is DeletionPolicy.RETAIN
            )
        )

    @property
    def _in_force(self) -> Policy | None:
        return self.written if self.record is None else self.record.policy


def list_waiting_kids(status: JsonWebKeySetStatus) -> frozenset[str]:
    """Return the kids of the pending keys in a status that wait for the first use of their entry.

    An entry whose key in use was revoked is not waiting for its first one.
    """
    used = {key.name for key in status.keys if key.state in {KeyState.ACTIVE, KeyState.COMPROMISED}}
    return frozenset(key.kid for key in status.keys if key.state is KeyState.PENDING and key.name not in used)


def list_kids(status: JsonWebKeySetStatus, *states: KeyState) -> frozenset[str]:
    """Return the kids of the keys in a status that are in one of these states."""
    return frozenset(key.kid for key in status.keys if key.state in states)
