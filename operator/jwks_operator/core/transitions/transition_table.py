"""The one table of transitions: what can happen to a key or to a set, in order of precedence.

```
             ┌────────────── RollBack ──────────────┐
             ▼                                      │
new ──► Pending ──► Active ──► Retired ──► Destroyed
 │         │          ▲                        ▲
 └─────────┼──────────┘ (first key, loss)      │
           └── never used, unwanted ───────────┘      living ──► Compromised (final)
```

Each row says which states a transition leads from and to, why it may happen, what can hold it back, which Event tells
of it and which side of a key is written first. Planner, forecast, metrics, status and plugin read these rows; a state
is assigned in `model/key_states.py` alone, and only as a row permits.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from jwks_operator.api.reasons import EventReason
from jwks_operator.keys.algorithms import KeyClass


class State(StrEnum):
    """The states of a key (NIST SP 800-57 part 1, section 7)."""

    PENDING = "Pending"
    """On the check side, not yet on the use side."""
    ACTIVE = "Active"
    """In use: at most one key of each entry."""
    RETIRED = "Retired"
    """Off the use side, still on the check side."""
    COMPROMISED = "Compromised"
    """Revoked: off both sides, for ever."""
    DESTROYED = "Destroyed"
    """Nowhere: only a tombstone is left."""


class Transition(StrEnum):
    """The name of each transition, as steps, `status.next.action` and metrics show it."""

    REVOKE = "Revoke"
    BOOTSTRAP = "Bootstrap"
    RECOVER = "Recover"
    REPAIR = "Repair"
    APPLY_SPEC = "ApplySpec"
    REPLACE = "Replace"
    REFUSE_ROTATION = "RefuseRotation"
    REFUSE_ROLL_BACK = "RefuseRollBack"
    ROLL_BACK = "RollBack"
    ACTIVATE = "Activate"
    RETIRE = "Retire"
    IMPORT = "Import"
    PUBLISH = "Publish"
    DESTROY = "Destroy"
    DESTROY_PRIVATE_HALF = "DestroyPrivateHalf"
    CERTIFY = "Certify"
    SIGN = "Sign"


class Cause(StrEnum):
    """Why a transition happens: the reason of its Event, and the label `cause` of the metrics."""

    text: str
    """The cause in words, for forecasts."""
    rotates: bool
    """Whether a key that comes into use for it replaces another one, so that it counts as a rotation."""

    def __new__(cls, code: str, text: str, rotates: bool = False) -> Self:
        """Return a member that equals its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        member.rotates = rotates
        return member

    SCHEDULE = "Schedule", "the schedule", True
    REQUEST = "Request", "the request", True
    EMERGENCY = "Emergency", "the emergency", True
    ALGORITHM_CHANGED = "AlgorithmChanged", "the spec asks for another kind", True
    IMPORT = "Import", "imported", True
    REVOCATION = "Revocation", "the active key was revoked", True
    KEY_LOST = "KeyLost", "the active key was lost", True
    ROLL_BACK = "RollBack", "the request", True
    CREATED_BEFORE = "CreatedBefore", "spec.revoked names keys of its age"
    SOURCE_FOLLOWED = "SourceFollowed", "the source of the entry brings its keys"
    SUSPENDED = "Suspended", "spec.suspend withholds rotations"
    NO_FORMER_KEY = "NoFormerKey", "no former key has its private half any more"
    BOOTSTRAP = "Bootstrap", "a new set"
    ENTRY_ADDED = "EntryAdded", "a new entry"
    ENTRY_REMOVED = "EntryRemoved", "its entry left the spec"
    PREPUBLISH = "Prepublish", "in advance"
    SOURCE_RENEWED = "SourceRenewed", "its source has another key"
    RETENTION_PASSED = "RetentionPassed", "its last token has expired"
    ROLLBACK_WINDOW_PASSED = "RollbackWindowPassed", "the roll-back window is over"
    CERTIFICATE_MISSING = "CertificateMissing", "it has no certificate"
    CERTIFICATE_CHANGED = "CertificateChanged", "the spec asks for another certificate"
    CERTIFICATE_EXPIRES = "CertificateExpires", "its certificate is near its end"
    HISTORY_CHANGED = "HistoryChanged", "the historical keys changed"
    CLOCK_WENT_BACK = "ClockWentBack", "a time in the record was in the future"
    CLOCK_WENT_AHEAD = "ClockWentAhead", "the clock went ahead"

    @classmethod
    def of(cls, reason: str) -> "Cause | None":
        """Return the cause with this code; None for a reason that is none, or of a later version."""
        return cls._value2member_map_.get(reason)  # type: ignore[return-value]


class Hold(StrEnum):
    """What can hold back a transition whose time has come."""

    SUSPEND = "Suspend"
    """`spec.suspend`."""
    WINDOWS = "Windows"
    """Windows and freezes of the rotation; no emergency waits for them."""
    ENDPOINTS = "Endpoints"
    """The endpoints of `spec.publish.serviceName` (docs/adr/0011)."""
    URLS = "Urls"
    """The URLs of `spec.publish.seenAt` (docs/adr/0035)."""


class Side(StrEnum):
    """The two sides of a key: verifiers or receivers check with it, signers or senders use it."""

    CHECK = "Check"
    USE = "Use"


class Owned(StrEnum):
    """The objects of a set: its record, and the two projections that consumers read."""

    KEYRING = "keyring"
    PUBLIC = "ConfigMap"
    PRIVATE = "Secret"


SIDES: Final = {
    KeyClass.SIGNATURE: {Side.CHECK: Owned.PUBLIC, Side.USE: Owned.PRIVATE},
    KeyClass.ENCRYPTION: {Side.CHECK: Owned.PRIVATE, Side.USE: Owned.PUBLIC},
    KeyClass.SYMMETRIC: {Side.CHECK: Owned.PRIVATE, Side.USE: Owned.PRIVATE},
}
"""Per class, the object that each side of a key reads."""


@dataclass(frozen=True, slots=True)
class Row:
    """One transition. `moves` are its pairs (from, to); None stands for a key that the record does not know yet."""

    transition: Transition
    moves: tuple[tuple[State | None, State], ...] = ()
    event: EventReason | None = None
    causes: tuple[Cause, ...] = ()
    held_by: frozenset[Hold] = frozenset()
    first: Side = Side.CHECK
    """The side that is written first: the check side, except where keys leave."""

    @property
    def target(self) -> State:
        """The state that the key of a candidate gets; raises LookupError for a row about no single key."""
        if not self.moves:
            raise LookupError(f"{self.transition} gives no key a state")
        return self.moves[0][1]

    @property
    def replaces_active(self) -> bool:
        """Whether the active key of the entry retires in the same step."""
        return _REPLACED in self.moves and self.target is State.ACTIVE


_PENDING, _ACTIVE, _RETIRED = State.PENDING, State.ACTIVE, State.RETIRED
_REPLACED = (_ACTIVE, _RETIRED)
_SUSPENDED = frozenset({Hold.SUSPEND})
_TRIGGERS = (Cause.SCHEDULE, Cause.REQUEST, Cause.EMERGENCY, Cause.ALGORITHM_CHANGED)

TABLE: Final = (
    Row(
        Transition.REVOKE,
        moves=tuple((state, State.COMPROMISED) for state in (_PENDING, _ACTIVE, _RETIRED)),
        event=EventReason.KEY_REVOKED,
        causes=(Cause.CREATED_BEFORE,),
    ),
    Row(
        Transition.BOOTSTRAP,
        moves=((None, _ACTIVE), (None, _PENDING)),
        event=EventReason.KEY_ACTIVATED,
        causes=(Cause.BOOTSTRAP, Cause.PREPUBLISH),
    ),
    Row(
        Transition.RECOVER,
        moves=((None, _ACTIVE), (None, _RETIRED), (None, _PENDING)),
        event=EventReason.KEYRING_REBUILT,
        causes=(Cause.KEY_LOST,),
    ),
    Row(
        Transition.REPAIR,
        moves=((None, _ACTIVE), (None, _RETIRED), (_PENDING, _ACTIVE), (_RETIRED, _ACTIVE), _REPLACED),
        event=EventReason.OBJECT_REPAIRED,
        causes=(Cause.CLOCK_WENT_BACK, Cause.CLOCK_WENT_AHEAD),
    ),
    Row(Transition.APPLY_SPEC),
    Row(
        Transition.REPLACE,
        moves=((_PENDING, _ACTIVE), (None, _ACTIVE)),
        event=EventReason.KEY_ACTIVATED,
        causes=(Cause.KEY_LOST, Cause.REVOCATION),
    ),
    Row(
        Transition.REFUSE_ROTATION,
        event=EventReason.ROTATION_REFUSED,
        causes=(Cause.SOURCE_FOLLOWED, Cause.SUSPENDED),
    ),
    Row(
        Transition.REFUSE_ROLL_BACK,
        event=EventReason.ROLLBACK_REFUSED,
        causes=(Cause.NO_FORMER_KEY, Cause.SUSPENDED),
    ),
    Row(
        Transition.ROLL_BACK,
        moves=((_RETIRED, _ACTIVE), _REPLACED),
        event=EventReason.KEY_ROLLED_BACK,
        causes=(Cause.ROLL_BACK,),
        held_by=_SUSPENDED,
    ),
    Row(
        Transition.ACTIVATE,
        moves=((_PENDING, _ACTIVE), _REPLACED),
        event=EventReason.KEY_ACTIVATED,
        causes=(*_TRIGGERS, Cause.IMPORT, Cause.ENTRY_ADDED),
        held_by=frozenset({Hold.SUSPEND, Hold.WINDOWS, Hold.ENDPOINTS, Hold.URLS}),
    ),
    Row(
        Transition.RETIRE,
        moves=(_REPLACED, (_PENDING, _RETIRED)),
        event=EventReason.KEY_RETIRED,
        causes=(Cause.ENTRY_REMOVED, Cause.ALGORITHM_CHANGED, Cause.SOURCE_RENEWED),
        first=Side.USE,
    ),
    Row(
        Transition.IMPORT,
        moves=((None, _PENDING), (None, _RETIRED)),
        event=EventReason.KEY_IMPORTED,
        causes=(Cause.IMPORT,),
        held_by=_SUSPENDED,
    ),
    Row(
        Transition.PUBLISH,
        moves=((None, _PENDING),),
        event=EventReason.KEY_PUBLISHED,
        causes=(Cause.PREPUBLISH, *_TRIGGERS, Cause.ENTRY_ADDED),
        held_by=_SUSPENDED,
    ),
    Row(
        Transition.DESTROY,
        moves=((_RETIRED, State.DESTROYED), (_PENDING, State.DESTROYED)),
        event=EventReason.KEY_DESTROYED,
        causes=(Cause.RETENTION_PASSED, Cause.ALGORITHM_CHANGED, Cause.SOURCE_RENEWED, Cause.ENTRY_REMOVED),
        held_by=frozenset({Hold.ENDPOINTS, Hold.URLS}),
        first=Side.USE,
    ),
    Row(
        Transition.DESTROY_PRIVATE_HALF,
        event=EventReason.PRIVATE_HALF_DESTROYED,
        causes=(Cause.ROLLBACK_WINDOW_PASSED,),
    ),
    Row(
        Transition.CERTIFY,
        event=EventReason.CERTIFICATE_RENEWED,
        causes=(
            Cause.CERTIFICATE_MISSING,
            Cause.CERTIFICATE_CHANGED,
            Cause.CERTIFICATE_EXPIRES,
            Cause.SOURCE_RENEWED,
        ),
    ),
    Row(Transition.SIGN, causes=(Cause.HISTORY_CHANGED,)),
)
"""Every transition; where several are due at once, the first row goes first."""

ROWS: Final = {row.transition: row for row in TABLE}
_RANKS: Final = {row.transition: rank for rank, row in enumerate(TABLE)}
MOVES: Final = frozenset(move for row in TABLE for move in row.moves)
"""Every permitted pair (from, to)."""


def rank_of(transition: Transition) -> int:
    """Return the place of a transition in the order of precedence: the lowest goes first."""
    return _RANKS[transition]


def is_held_by(transition: Transition, hold: Hold) -> bool:
    """Tell whether this can hold back that transition."""
    return hold in ROWS[transition].held_by
