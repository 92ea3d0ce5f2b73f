"""Decides when workloads that read the consumer Secret only at their start have to be restarted.

They are when a key becomes active or retires and the Secret is its use side (signature and symmetric keys), when there
is another key to open or verify with, and when such a key is revoked (encryption and symmetric keys). They are not when
a key is removed after its retention: a process that still has it does no harm.

A pending restart stands in the record from the intent on, so that no crash loses it, and leaves it once it was made.
The mark on the workloads is a digest of what the Secret holds: the same restart again changes nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.outputs.consumer_secret import Item, secret_layout
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.secret_files import Form, split_name

_MARK = 16
"""Hexadecimal digits of a mark: two in a row must differ, no more."""

_CHECKING = frozenset({State.PENDING, State.ACTIVE, State.RETIRED})


def mark_pending_restart(before: Record, after: Record) -> Record:
    """Return the record that owes a restart if the step from one to the other makes it necessary."""
    if after.policy.secret.restart is None:
        return replace(after, restart="")
    if _used(before) == _used(after) and not _gained(before, after) and not _revoked(before, after):
        return after
    return replace(after, restart=restart_digest(after))


def require_restart(record: Record) -> Record:
    """Return the record that owes a restart because keys were lost, if it is to restart anything."""
    return replace(record, restart="" if record.policy.secret.restart is None else restart_digest(record))


def restart_digest(record: Record) -> str:
    """Return what stands for the content of the consumer Secret; no private member goes into it."""
    content = sorted((name, item.form.value, item.kids, item.text) for name, item in secret_layout(record).items())
    return sha256(repr(content).encode()).hexdigest()[:_MARK]


def _used(record: Record) -> dict[str, Item]:
    """Return the files of the keys that a consumer uses: certificates belong to them, keys to open with do not."""
    users = {key.entry for key in record.keys if key.state is State.ACTIVE and _uses(key)}
    return {
        name: item
        for name, item in secret_layout(record).items()
        if split_name(name)[0] in users and item.form is not Form.JWK_SET
    }


def _gained(before: Record, after: Record) -> bool:
    return not {key.kid for key in _checkers(after)} <= {key.kid for key in _checkers(before)}


def _revoked(before: Record, after: Record) -> bool:
    gone = {key.kid for key in after.keys if key.state is State.COMPROMISED}
    return any(key.kid in gone for key in _checkers(before))


def _checkers(record: Record) -> Iterator[KeyRecord]:
    """Yield the keys that a consumer of the Secret checks or opens with."""
    return (key for key in record.keys if key.key_class is not KeyClass.SIGNATURE and key.state in _CHECKING)


def _uses(key: KeyRecord) -> bool:
    return key.key_class is not KeyClass.ENCRYPTION
