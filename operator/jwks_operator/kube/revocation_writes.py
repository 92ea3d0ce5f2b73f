"""Writes a step that revokes keys: every object for itself, so that none that is refused keeps a key in another one.

1. The keyring. If it cannot be written, the other objects give the revoked keys up all the same, and no other key
   comes into use before it is recorded.
2. ConfigMap and consumer Secret, in the order of the step. A key that comes into use stays off its use side while the
   object that is its check side could not be written. An object that is not ours, or that could not be read, is left
   as it is.
3. The objects under former names, then the copies of the ConfigMap.

What could not be written is part of the result, in place of an error.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

from jwks_operator.api.names import keyring_name
from jwks_operator.core.model.key_states import LIVING, enter_state
from jwks_operator.core.model.record import Record, RecordedEvent
from jwks_operator.core.outputs.projections import Effect, effect_order, without_unknown_keys
from jwks_operator.core.transitions.transition_table import Owned, State
from jwks_operator.kube.client import Client
from jwks_operator.kube.effects import ObjectWriter, check_record
from jwks_operator.kube.errors import KubeError, NotLeading
from jwks_operator.kube.former_objects import Projector, write_former
from jwks_operator.kube.gather import Gathered


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that could not be read or written, by kind and name, and the error; no error if it is not ours."""

    about: str
    error: KubeError | None
    ends_pass: bool = True
    """Whether the pass ends by the error, to be tried again soon; a copy in another namespace has its own time."""


@dataclass(frozen=True, slots=True)
class Writes:
    """What the writes of a revocation came to."""

    gathered: Gathered
    shown: Record
    """The record that the objects follow: the one to be or, if that could not be stored, the stored one without the
    revoked keys."""
    refusals: tuple[Refusal, ...]
    events: tuple[RecordedEvent, ...]


def is_revoking(record: Record) -> bool:
    """Tell whether the unfinished step of a record revokes keys."""
    return any(key.state is State.COMPROMISED for key in record.keys)


async def write_revocation(client: Client, gathered: Gathered, record: Record) -> Writes:
    """Write keyring, ConfigMap and consumer Secret; raises NotLeading, and Conflict if the record was changed.

    Also raises KubeError if there was no record and none can be made: then nothing says what the objects should hold.
    """
    observed = gathered.observed
    attempts = _Attempts(ObjectWriter(client, gathered))
    writer = attempts.writer
    ring = f"Secret {keyring_name(observed.ref.name)}"
    stored = await attempts.try_(ring, writer.write_record(record))
    if writer.gathered.seen.keyring is gathered.seen.keyring:
        await check_record(client, gathered)  # another replica may go on from it
    failure = attempts.refusals.get(ring)
    if failure is not None and observed.record is None:
        raise failure
    shown = record if stored else _without_revoked(gathered, record)
    names = {Owned.PUBLIC: f"ConfigMap {observed.configmap_name}", Owned.PRIVATE: f"Secret {observed.secret_name}"}
    written = {owned for owned in names if writer.is_written(shown, Effect(owned.value))}
    for effect in effect_order(shown):
        owned = Owned.PUBLIC if effect is Effect.PUBLIC else Owned.PRIVATE
        if writer.is_foreign(effect) or names[owned] in gathered.unread:
            attempts.refusals[names[owned]] = gathered.unread.get(names[owned])
            continue
        wanted = without_unknown_keys(shown, written | {owned})
        if await attempts.try_(names[owned], writer.write_projection(wanted, effect)):
            written.add(owned)
        else:
            written.discard(owned)
    projector = Projector(observed, gathered.private_keys)
    former = await write_former(client, gathered.former, projector, without_unknown_keys(shown, written))
    found = (*attempts.refusals.items(), *former.refused.items())
    refusals = tuple(Refusal(about, error) for about, error in found)
    return Writes(replace(writer.gathered, former=former), shown, refusals, tuple(writer.events))


@dataclass(slots=True)
class _Attempts:
    """The writes of one pass, and which of them were refused."""

    writer: ObjectWriter
    refusals: dict[str, KubeError | None] = field(default_factory=dict)

    async def try_(self, about: str, write: Awaitable[None]) -> bool:
        try:
            await write
        except NotLeading:
            raise
        except KubeError as error:
            self.refusals[about] = error
            return False
        return True


def _without_revoked(gathered: Gathered, wanted: Record) -> Record:
    """Return the record that is stored, without the keys that the one to be revokes."""
    stored = gathered.observed.record
    if stored is None:
        raise LookupError(f"{gathered.observed.ref} has no record to revoke a key of")
    revoked = {key.kid for key in wanted.keys if key.state is State.COMPROMISED}
    gone = (key for key in stored.keys if key.kid in revoked and key.state in LIVING)
    return stored.with_keys(*(enter_state(key, State.COMPROMISED) for key in gone))
