"""When do processes that read the Secret only at their start have to be started anew?

When a key comes into use or goes out of it, if the Secret is the side that uses (signature and symmetric keys); when
there is another key to open or verify with, or one of them was revoked, if it is the side that checks (encryption and
symmetric keys). Not when a key is merely removed whose time is over: whoever still has it does no harm.

What is owed stands in the record from the intent on, so that a crash loses none, and goes from it when it is done, so
that nothing is done twice. The mark on the workloads is a digest of what the Secret holds: doing it again changes
nothing.
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
    """What the Secret holds of the keys in use by whoever mounts it: certificates belong to it, openers do not."""
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
    """The keys that whoever mounts the Secret checks with."""
    return (key for key in record.keys if key.key_class is not KeyClass.SIGNATURE and key.state in _CHECKING)


def _uses(key: KeyRecord) -> bool:
    return key.key_class is not KeyClass.ENCRYPTION
