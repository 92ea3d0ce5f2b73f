"""Gathers the observed state of one pass, by uncached reads by name.

A read that fails is part of the result: nothing is planned on missing facts, but a revoked key leaves what can be
written. Only what the set asks for has to be known. Private halves stay beside the observed state.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from jwks_operator.api import names
from jwks_operator.api.durations import parse_sum
from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.api.parse import SpecError, parse_spec
from jwks_operator.api.shards import Shard, shard_of
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.api.status_model import JsonWebKeySetStatus, KeyState
from jwks_operator.core.model.codec import RecordError
from jwks_operator.core.model.mended_policy import read_safety_fields
from jwks_operator.core.model.observed_state import (
    DriftState,
    ObservedState,
    RecoverableKeys,
    list_kids,
    list_waiting_kids,
)
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.model.record import Bounds, Record
from jwks_operator.core.planner.requests import list_answers
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.private import PrivateKeys
from jwks_operator.kube.attempted_reads import AttemptedReads
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Client, Object
from jwks_operator.kube.copies import Copies, compare_copies, find_copies, namespace_query
from jwks_operator.kube.errors import KubeError, OwnedByOtherShard
from jwks_operator.kube.former_objects import FormerObjects, find_former, resource_of
from jwks_operator.kube.keyring import read_keyring
from jwks_operator.kube.objects import (
    compare_object,
    configmap_object,
    is_ours,
    our_metadata,
    replacement_body,
    secret_object,
)
from jwks_operator.kube.recoverable_keys import ReadableObjects, recover_keys
from jwks_operator.kube.source_reader import read_sources


@dataclass(frozen=True, slots=True)
class ObservedObjects:
    """The objects of a set as the API server returned them in this pass; None: it does not exist."""

    the_set: Object | None
    keyring: Object | None
    configmap: Object | None
    secret: Object | None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Where the watches saw objects that are labelled as those of a set: where to look, never a fact."""

    objects: frozenset[str] = frozenset()
    """Kind and name of each ConfigMap and Secret in the namespace of the set."""
    copies: bool = False
    """Whether there are copies in other namespaces."""


NOTHING_LABELLED = Labelled()


@dataclass(frozen=True, slots=True)
class Gathered:
    """The observed state for the planner, and beside it what only the writer may use."""

    seen: ObservedObjects
    observed: ObservedState
    private_keys: PrivateKeys = field(default_factory=dict)
    status: JsonWebKeySetStatus = field(default_factory=JsonWebKeySetStatus)
    copies: Copies = field(default_factory=Copies)
    former: FormerObjects = field(default_factory=FormerObjects)
    unread: Mapping[str, KubeError] = field(default_factory=dict)
    """By kind and name, or in words, what could not be read in this pass."""


async def gather(
    client: Client, ref: SetRef, shard: Shard, *, everywhere: bool = True, labelled: Labelled = NOTHING_LABELLED
) -> Gathered:
    """Return the observed state of a set; raises OwnedByOtherShard for another shard's set.

    Raises KubeError if the set cannot be read, or anything of a set that is gone. `everywhere` says whether the
    operator may read other namespaces.
    """
    the_set = await client.read(SETS, ref.namespace, ref.name)
    reads = AttemptedReads(client, ref)
    keyring = await reads.read(SECRETS, keyring_name(ref.name))
    check_shard(ref, the_set or keyring, shard)
    spec, complaint = _spec(the_set)
    record, private_keys, unreadable = _record(keyring, ref, None if spec is None else policy_from_spec(spec))
    observed = ObservedState(
        ref=ref,
        generation=0 if the_set is None else the_set["metadata"]["generation"],
        spec=spec,
        spec_complaint=complaint,
        annotations={} if the_set is None else the_set["metadata"].get("annotations") or {},
        record=record,
        safety_fields_alone=read_safety_fields((the_set or {}).get("spec")),
        record_complaint=unreadable,
        everywhere=everywhere,
        shard=shard,
    )
    wanted = observed.written or (None if record is None else record.policy)
    if the_set is not None and wanted is not None:
        sources = await reads.attempt("a source of its imports", read_sources(client, ref, wanted))
        imports, halves = sources or ({}, {})
        observed = replace(observed, imports=imports)
        private_keys = {**halves, **private_keys}  # a kid that two keys claim stays ours
    configmap = await reads.read(CONFIGMAPS, observed.configmap_name)
    secret = await reads.read(SECRETS, observed.secret_name)
    former = await reads.attempt("an object under a former name", find_former(client, observed, labelled.objects))
    gathered = Gathered(ObservedObjects(the_set, keyring, configmap, secret), observed, private_keys)
    gathered = replace(gathered, former=former or FormerObjects())
    policy = wanted if record is None else record.policy
    if everywhere and (labelled.copies or (policy is not None and policy.publish.namespaces is not None)):
        query = None if record is None or the_set is None else namespace_query(record.policy, observed.written)
        looking = find_copies(client, ref, observed.configmap_name, query)
        found = await reads.attempt("a copy of its ConfigMap", looking)
        copies = found or Copies(query, complaint="they cannot be read")
        if the_set is None and keyring is None:
            copies = replace(copies, orphaned=tuple(each for each in copies.orphaned if shard_of(each) == shard))
        gathered = replace(gathered, copies=copies)
    if the_set is None:
        reads.raise_first()
    return refresh_comparisons(with_status(replace(gathered, unread=reads.failed)))


def check_shard(ref: SetRef, owner: Object | None, shard: Shard) -> None:
    """Raise OwnedByOtherShard if the label of the set (of the record, once the set is gone) names another shard."""
    found = shard if owner is None else shard_of(owner)
    if found != shard:
        where = "the default shard" if found is None else f"shard {found!r}"
        raise OwnedByOtherShard(f"{ref} is looked after by {where}")


def refresh_comparisons(gathered: Gathered) -> Gathered:
    """Return the same state with every comparison between the record and the observed objects recomputed."""
    seen, observed, record = gathered.seen, gathered.observed, gathered.observed.record
    uids: Mapping[str, str] = {} if record is None else record.objects
    both = (("configmap", seen.configmap, uids.get("configMap")), ("secret", seen.secret, uids.get("secret")))
    ours = {name: thing is not None and is_ours(thing, observed.ref, uid) for name, thing, uid in both}
    recoverable, private_keys = RecoverableKeys(), dict(gathered.private_keys)
    if record is None or record.uid not in {"", _uid(seen.keyring)}:
        recoverable, found = recover_keys(_list_readable(gathered, ours))
        private_keys |= found
    wanted_configmap, wanted_secret = _wanted(observed, record, private_keys)
    configmap = compare_object(wanted_configmap, seen.configmap, ours=ours["configmap"])
    secret = compare_object(wanted_secret, seen.secret, ours=ours["secret"])
    unread = gathered.unread
    observed = replace(
        observed,
        unread=frozenset(gathered.unread),
        keyring_uid=_uid(seen.keyring),
        keyring=_sight_of_keyring(seen.keyring, observed),
        configmap=DriftState.UNREAD if f"ConfigMap {observed.configmap_name}" in unread else configmap,
        secret=DriftState.UNREAD if f"Secret {observed.secret_name}" in unread else secret,
        recoverable=recoverable,
        copies=compare_copies(observed, gathered.copies),
        copies_complaint=gathered.copies.complaint,
        former={what: _uid(thing) for what, thing in gathered.former.seen.items()},
        former_refused={what: str(error) for what, error in gathered.former.refused.items()},
    )
    return replace(gathered, observed=observed, private_keys=private_keys)


def with_status(gathered: Gathered) -> Gathered:
    """Return the same state with the facts from the status of the set."""
    status = _status(gathered.seen.the_set)
    observed = replace(
        gathered.observed,
        lived_before=bool(status.keys),
        entries_before={key.kid: key.name for key in status.keys},
        created_before={key.kid: key.created for key in status.keys if key.created is not None},
        answered_before=list_answers(status),
        revoked_before=list_kids(status, KeyState.COMPROMISED),
        tokens_before=list_kids(status, KeyState.ACTIVE, KeyState.RETIRED),
        waiting_before=list_waiting_kids(status),
        waits_before=dict(_waits(status)),
    )
    return replace(gathered, observed=observed, status=status)


def _wanted(observed: ObservedState, record: Record | None, private_keys: PrivateKeys) -> tuple[Object, Object]:
    if record is None:
        bare: Object = {"data": {}, "metadata": {"labels": {}, "annotations": {}}}
        return bare, {"type": "Opaque", **bare}
    configmap = configmap_object(observed.ref, record, observed.shard)
    return configmap, secret_object(observed.ref, record, private_keys, observed.shard)


def _spec(the_set: Object | None) -> tuple[JsonWebKeySetSpec | None, str | None]:
    if the_set is None:
        return None, None
    try:
        return parse_spec(the_set), None
    except SpecError as error:
        return None, str(error)


def _record(
    keyring: Object | None, ref: SetRef, written: Policy | None
) -> tuple[Record | None, PrivateKeys, str | None]:
    if keyring is None or keyring.get("type") != names.KEYRING_TYPE:
        return None, {}, None
    try:
        read = read_keyring(keyring, written)
    except RecordError as error:
        return None, {}, str(error)
    if read.record.set_name != ref.name:
        return None, {}, f"the keyring holds the record of set {read.record.set_name[:63]!r}; restore its own"
    return read.record, read.private_keys, None


def _sight_of_keyring(keyring: Object | None, observed: ObservedState) -> DriftState:
    if keyring is None:
        return DriftState.GONE
    if keyring.get("type") != names.KEYRING_TYPE:
        return DriftState.FOREIGN
    metadata = our_metadata(observed.ref, keyring_name(observed.ref.name), observed.shard)
    wanted = {"metadata": metadata, "data": keyring.get("data") or {}}
    return DriftState.SAME if replacement_body(wanted, keyring) is None else DriftState.RELABELLED


def _status(the_set: Object | None) -> JsonWebKeySetStatus:
    """Return the stored status; an unreadable one counts as empty and is rewritten."""
    try:
        return JsonWebKeySetStatus.model_validate((the_set or {}).get("status") or {})
    except ValidationError:
        return JsonWebKeySetStatus()


def _waits(status: JsonWebKeySetStatus) -> Iterator[tuple[KeyClass, Bounds]]:
    """Yield the waits in the status; unreadable ones are ignored."""
    for waits in status.waits:
        with suppress(ValueError):
            yield KeyClass(waits.key_class), Bounds(parse_sum(waits.lead), parse_sum(waits.retention))


def _list_readable(gathered: Gathered, ours: Mapping[str, bool]) -> ReadableObjects:
    seen, former = gathered.seen, gathered.former.seen
    configmaps = [seen.configmap] if seen.configmap is not None and ours["configmap"] else []
    secrets = [seen.secret] if seen.secret is not None and ours["secret"] else []
    configmaps += [thing for what, thing in former.items() if resource_of(what)[0] is CONFIGMAPS]
    secrets += [thing for what, thing in former.items() if resource_of(what)[0] is SECRETS]
    return ReadableObjects(tuple(configmaps), tuple(secrets))


def _uid(seen: Object | None) -> str:
    return "" if seen is None else str(seen["metadata"]["uid"])
