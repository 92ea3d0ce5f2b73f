"""The one table of transitions: what can happen to a key or to a set, in order of precedence.

```
             ┌────────────── RollBack ──────────────┐
             ▼                                      │
new ──► Pending ──► Active ──► Retired ──► Destroyed
 │         │          ▲                        ▲
 └─────────┼──────────┘ (first key, loss)      │
           └── never used, unwanted ───────────┘      living ──► Compromised (final)
```

Each row says which states a transition leads from and to, what can hold it back, which Event tells of it and which side
of a key is written first; why it may happen, `planner/causes.py` says. Planner, forecast, metrics, status and plugin
read these rows; a state is assigned in `model/key_states.py` alone, and only as a row permits.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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

TABLE: Final = (
    Row(
        Transition.REVOKE,
        moves=tuple((state, State.COMPROMISED) for state in (_PENDING, _ACTIVE, _RETIRED)),
        event=EventReason.KEY_REVOKED,
    ),
    Row(
        Transition.BOOTSTRAP,
        moves=((None, _ACTIVE), (None, _PENDING)),
        event=EventReason.KEY_ACTIVATED,
    ),
    Row(
        Transition.RECOVER,
        moves=((None, _ACTIVE), (None, _RETIRED), (None, _PENDING)),
        event=EventReason.KEYRING_REBUILT,
    ),
    Row(
        Transition.REPAIR,
        moves=((None, _ACTIVE), (None, _RETIRED), (_PENDING, _ACTIVE), (_RETIRED, _ACTIVE), _REPLACED),
        event=EventReason.OBJECT_REPAIRED,
    ),
    Row(Transition.APPLY_SPEC),
    Row(
        Transition.REPLACE,
        moves=((_PENDING, _ACTIVE), (None, _ACTIVE)),
        event=EventReason.KEY_ACTIVATED,
    ),
    Row(
        Transition.REFUSE_ROTATION,
        event=EventReason.ROTATION_REFUSED,
    ),
    Row(
        Transition.REFUSE_ROLL_BACK,
        event=EventReason.ROLLBACK_REFUSED,
    ),
    Row(
        Transition.ROLL_BACK,
        moves=((_RETIRED, _ACTIVE), _REPLACED),
        event=EventReason.KEY_ROLLED_BACK,
        held_by=_SUSPENDED,
    ),
    Row(
        Transition.ACTIVATE,
        moves=((_PENDING, _ACTIVE), _REPLACED),
        event=EventReason.KEY_ACTIVATED,
        held_by=frozenset({Hold.SUSPEND, Hold.WINDOWS, Hold.ENDPOINTS, Hold.URLS}),
    ),
    Row(
        Transition.RETIRE,
        moves=(_REPLACED, (_PENDING, _RETIRED)),
        event=EventReason.KEY_RETIRED,
        first=Side.USE,
    ),
    Row(
        Transition.IMPORT,
        moves=((None, _PENDING), (None, _RETIRED)),
        event=EventReason.KEY_IMPORTED,
        held_by=_SUSPENDED,
    ),
    Row(
        Transition.PUBLISH,
        moves=((None, _PENDING),),
        event=EventReason.KEY_PUBLISHED,
        held_by=_SUSPENDED,
    ),
    Row(
        Transition.DESTROY,
        moves=((_RETIRED, State.DESTROYED), (_PENDING, State.DESTROYED)),
        event=EventReason.KEY_DESTROYED,
        held_by=frozenset({Hold.ENDPOINTS, Hold.URLS}),
        first=Side.USE,
    ),
    Row(
        Transition.DESTROY_PRIVATE_HALF,
        event=EventReason.PRIVATE_HALF_DESTROYED,
    ),
    Row(
        Transition.CERTIFY,
        event=EventReason.CERTIFICATE_RENEWED,
    ),
    Row(Transition.SIGN),
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
