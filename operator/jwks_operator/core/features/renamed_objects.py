"""Objects under former names: a set that is deleted and made again may name its ConfigMap and its Secret otherwise.

Pods and verifiers that know the former names still depend on those objects. So they show what the set shows,
revocations included, until the objects under the new names are confirmed and all that began before that is over. Then
they are deleted, unless the deletionPolicy is Retain. Until they are gone the record remembers them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from jwks_operator.api.names import SetRef
from jwks_operator.api.reasons import EventReason
from jwks_operator.api.spec import DeletionPolicy
from jwks_operator.core.model.observed_state import ObservedState, Reading
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import FormerObject, Record, RecordedEvent, Step
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.set_troubles import describe_refused_write
from jwks_operator.core.transitions.transition_table import Transition

_KINDS = {"configMap": "ConfigMap", "secret": "Secret"}
"""The kinds of the objects whose uids the record has."""


def names_of(ref: SetRef, policy: Policy) -> Mapping[str, str]:
    """Return kind and name of the objects that a policy names, as in `Secret auth`, by their place in the record."""
    names = {"configMap": policy.publish.config_map.name, "secret": policy.secret.name}
    return {place: f"{_KINDS[place]} {name or ref.name}" for place, name in names.items()}


def rename_objects(ref: SetRef, record: Record, written: Policy) -> Record:
    """Return the record with the object names of the written spec, and with the former ones remembered."""
    before, after = names_of(ref, record.policy), names_of(ref, written)
    left = [place for place in before if before[place] != after[place]]
    former = {**record.former, **{before[place]: FormerObject(record.objects.get(place, "")) for place in left}}
    back = {place: former.pop(name).uid for place, name in after.items() if name in former}
    kept = {place: uid for place, uid in record.objects.items() if place not in left}
    config_map = replace(record.policy.publish.config_map, name=written.publish.config_map.name)
    policy = replace(
        record.policy,
        publish=replace(record.policy.publish, config_map=config_map),
        secret=replace(record.policy.secret, name=written.secret.name),
    )
    told = _describe(before[place] for place in left)
    return _with_step(replace(record, policy=policy, former=former, objects={**kept, **back}), told)


def is_renamed(observed: ObservedState, record: Record) -> bool:
    """Tell whether a record names the objects otherwise than the one by which they were read."""
    before = observed.record
    return before is not None and names_of(observed.ref, before.policy) != names_of(observed.ref, record.policy)


def remember_former(observed: ObservedState, record: Record) -> Record:
    """Return the record with the objects under former names that are there, also if it did not know of one."""
    former = {name: replace(record.former.get(name, FormerObject()), uid=uid) for name, uid in observed.former.items()}
    if former == record.former:
        return record
    news = former.keys() - record.former.keys()
    record = replace(record, former=former)
    return _with_step(record, _describe(sorted(news))) if news else record


def list_unneeded(record: Record, reading: Reading) -> frozenset[str]:
    """Return the former objects that nothing depends on any more."""
    if not reading.trusted or record.policy.deletion_policy is DeletionPolicy.RETAIN:
        return frozenset()
    due = ((name, each.until) for name, each in record.former.items())
    return frozenset(name for name, until in due if until is not None and until <= reading.earliest)


def list_former_troubles(observed: ObservedState) -> Iterator[Trouble]:
    """Yield a trouble for each former object that could not be written or removed."""
    yield from (describe_refused_write(name, why) for name, why in observed.former_refused.items())


def _describe(names: Iterable[str]) -> RecordedEvent:
    told = " and ".join(names)
    return RecordedEvent(
        EventReason.OBJECTS_RENAMED, f"{told} is a former name: kept like the present one until nothing depends on it"
    )


def _with_step(record: Record, told: RecordedEvent) -> Record:
    step = record.step or Step(Transition.APPLY_SPEC)
    return replace(record, step=replace(step, events=(*step.events, told)))
