"""The one record of a set: what every projection, wait and decision is computed from.

A record is immutable; a changed one is a new one. States are assigned in `key_states.py` alone. Every time is an
aware UTC datetime. A witness (`published`, `in_use_since`, `retired`) is None until the API server has
confirmed the effect it stands for, so it is never older than that effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field

from jwks_operator.core.model.policy import Facts, Policy
from jwks_operator.core.model.stored import Stored, Time, Wait
from jwks_operator.core.transitions.transition_table import State, Transition
from jwks_operator.keys.algorithms import KeyClass

HISTORY_LIMIT = 20
TOMBSTONE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Bounds(Stored):
    """The waits one key owes to those who cache it, derived from the facts of the spec."""

    lead: Wait
    """From confirmed publication to the first use."""
    retention: Wait
    """From the confirmed end of use to the removal from the check side."""

    def largest(self, other: "Bounds") -> "Bounds":
        """Return the longer of each wait: a lowered fact does not change the past."""
        return Bounds(max(self.lead, other.lead), max(self.retention, other.retention))


@dataclass(frozen=True, slots=True)
class Certificate(Stored):
    """The X.509 certificate of a key, as it is published, and what the planner must know of it."""

    x5c: tuple[str, ...]
    """The chain (RFC 7517 section 4.7): base64 of the DER of each certificate, the key's own first."""
    issued: Time
    """When it was made; it is valid from a little earlier on."""
    not_after: Time
    terms: str
    """The digest of what the spec asked for when it was made."""


@dataclass(frozen=True, slots=True)
class UrlConfirmation(Stored):
    """What the looks at one URL of `spec.publish.seenAt` have in common: it shows the key, or no longer shows it."""

    since: Time
    """When the first of these looks agreed; no later one denied it."""
    last: Time
    """When the last one did that counts: it came long enough after the one before."""
    lifetime: Wait
    """How long caches behind the URL keep a document: as the spec states, or longer if an answer told so."""
    looks: int = 1
    """How many of them count."""


@dataclass(frozen=True, slots=True)
class KeyRecord(Stored):
    """One key, without its private half (that stays in the rooms `keys` and `kube`)."""

    kid: str
    entry: str
    algorithm: str
    key_class: KeyClass
    state: State
    thumbprint: str
    public: Mapping[str, Any]
    has_private: Annotated[bool, Field(exclude=True)]
    """Whether the key can be used: its private half is in the keyring, or `ref` names it. The keyring tells."""
    created: Time
    bounds: Bounds
    published: Time | None = None
    in_use_since: Time | None = None
    retired: Time | None = None
    served: Time | None = None
    """When every ready endpoint of `spec.publish.serviceName` was seen to serve the key, if they are asked."""
    unserved: Time | None = None
    """When none of them was seen to serve it any more."""
    urls: Mapping[str, UrlConfirmation] = field(default_factory=dict)
    """Per URL of `spec.publish.seenAt`, that it shows the signature key, or no longer the retired encryption key."""
    certificate: Certificate | None = None
    ref: str = ""
    """What names the private half of a key that is held elsewhere; empty for all others."""
    possibly_used: bool = False
    """Whether a pending key may have been in use after the backup that this record was restored from."""


@dataclass(frozen=True, slots=True)
class HistoricalFacts(Stored):
    """What the historical set says of a key that left: its public JWK and its times."""

    public: Mapping[str, Any]
    expired: Time
    """When it went out of use, or was revoked if that came first."""
    issued: Time | None = None
    """When it came into use, if it did."""
    revoked: str | None = None
    """Why it was revoked; None if it was not. The time is the tombstone's."""


@dataclass(frozen=True, slots=True)
class Tombstone(Stored):
    """What stays of a key that is nowhere any more: enough to refuse its return, nothing to use."""

    digest: str
    """SHA-256 over kid and thumbprint, hexadecimal."""
    reason: str
    time: Time
    kid: str = ""
    """SHA-256 over the kid alone, so that it never names another key."""
    key: str = ""
    """SHA-256 over the thumbprint alone, so that the key does not return under another kid."""
    historical: HistoricalFacts | None = None
    """Kept for the historical set, if there is to be one."""


@dataclass(frozen=True, slots=True)
class Historical(Stored):
    """The signed set of historical keys; a signature is not repeatable, so it is kept and not made again."""

    digest: str
    """Of what it says and who signed it: it is signed again only when this changes."""
    jwt: str


@dataclass(frozen=True, slots=True)
class ImportState(Stored):
    """What one entry has taken from the sources of its `import`."""

    taken: tuple[str, ...] = ()
    """Thumbprints of private keys and digests (as of tombstones) of public ones: each is taken once."""
    sources: tuple[str, ...] = ()
    """The sources that have been read for good, as `Secret/<name>/<key>`: they may go, unless followed."""
    followed: bool = False
    """Whether another client keeps the private source, and it brings every key of the entry."""
    lost_to_revocation: bool = False
    """Whether the key in use was revoked and the next one is used as soon as it is generated or in the source."""


@dataclass(frozen=True, slots=True)
class RecordedEvent(Stored):
    """One thing a step does, told to people once its effects are confirmed."""

    event: str
    reason: str
    kid: str = ""
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Step(Stored):
    """The step whose intent is written and whose effects are not confirmed."""

    transition: Transition
    events: tuple[RecordedEvent, ...] = ()
    immediate: tuple[str, ...] = ()
    """The kids that this step puts in use before their check side is known to have them."""


@dataclass(frozen=True, slots=True)
class HistoryEntry(Stored):
    """A recorded and the time at which it was confirmed."""

    time: Time
    recorded: RecordedEvent


@dataclass(frozen=True, slots=True)
class Withdrawn(Stored):
    """A revoked key, until no URL shows it any more."""

    kid: str
    since: Time
    urls: tuple[str, ...]
    """Those that may still show it."""


@dataclass(frozen=True, slots=True)
class Writer(Stored):
    """An operator that confirmed a step after another one had, and when."""

    name: str
    time: Time


@dataclass(frozen=True, slots=True)
class FormerObject(Stored):
    """A ConfigMap or consumer Secret that the set wrote under another name than it has now."""

    uid: str = ""
    """Of the object; empty if it was not seen yet."""
    until: Time | None = None
    """When nothing depends on it any more; None while the objects under the new names are not confirmed."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A stored policy that this version cannot read, and why; it is written back until another takes its place."""

    document: Any
    complaint: str


@dataclass(frozen=True, slots=True)
class Record(Stored):
    """Everything the operator must not forget about one set."""

    set_name: str
    policy: Policy
    """The policy in force: that of the last spec that passed the checks."""
    unread: Annotated[Unread | None, Field(exclude=True)] = None
    """In place of which stored policy the one above was mended; None if it could be read."""
    keys: Annotated[tuple[KeyRecord, ...], Field(exclude=True)] = ()
    """Each is stored as a document of its own."""
    uid: str = ""
    """The uid of the Secret that holds this record; empty until its first change after creation."""
    step: Step | None = None
    honoured: Mapping[str, Time] = field(default_factory=dict)
    """Per verb and entry (`rotate/signing`), the stamp of the newest request that was honoured."""
    lead_floor: Mapping[KeyClass, Time] = field(default_factory=dict)
    """Per class, no successor is used before: caches filled under a longer, since lowered, lead."""
    former_leads: Mapping[KeyClass, Wait] = field(default_factory=dict)
    """Per class, the lead that was just lowered; it becomes a floor when the new cache hints are confirmed."""
    longest: Facts | None = None
    """The longest each fact was lately, if one was lowered: what was done under it may still be going on."""
    longest_until: Time | None = None
    """When nothing of that is left; None while the change is not confirmed."""
    lost: tuple[str, ...] = ()
    """Entries whose key was lost with a keyring and has not been rotated since."""
    missing: Mapping[str, Time] = field(default_factory=dict)
    """Per kid of a public half that was lost with keyring and ConfigMap, when its last token has expired."""
    import_states: Mapping[str, ImportState] = field(default_factory=dict)
    """Per entry, what was imported."""
    restart: str = ""
    """What the workloads that are restarted are to be marked with; empty if no restart is owed."""
    tombstones: tuple[Tombstone, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    """Revoked keys that a URL of `spec.publish.seenAt` may still show."""
    historical: Historical | None = None
    history: tuple[HistoryEntry, ...] = ()
    writers: tuple[Writer, ...] = ()
    """The operators that confirmed the last steps, each once in a row, the last one last."""
    objects: Mapping[str, str] = field(default_factory=dict)
    """The uids of the ConfigMap and the consumer Secret, so that a stripped label is drift, not loss."""
    former: Mapping[str, FormerObject] = field(default_factory=dict)
    """By kind and name, as in `Secret auth`: the objects under former names, until they are gone."""

    def of(self, entry: str, state: State) -> tuple[KeyRecord, ...]:
        """Return the keys of an entry in a state, oldest first."""
        return tuple(key for key in self.keys if key.entry == entry and key.state is state)

    def active(self, entry: str) -> KeyRecord | None:
        """Return the one active key of an entry, or None."""
        return next(iter(self.of(entry, State.ACTIVE)), None)

    def with_keys(self, *changed: KeyRecord) -> "Record":
        """Return a record in which these keys stand in for those of the same kid, or join them."""
        new = {key.kid: key for key in changed}
        kept = tuple(new.pop(key.kid, key) for key in self.keys)
        return replace(self, keys=kept + tuple(new.values()))
