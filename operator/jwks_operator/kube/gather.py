"""Gathers the observed state of one pass, by uncached reads by name.

A read that fails ends the pass: nothing is planned on missing facts. Private halves stay beside the observed state.
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
from jwks_operator.core.model.key_states import FreshKey
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
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.jwk import JwkError, parse_json_strict, parse_public, thumbprint
from jwks_operator.keys.members import list_keys
from jwks_operator.keys.naming import as_written
from jwks_operator.keys.private import PrivateJwk, PrivateKeys
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Client, Object
from jwks_operator.kube.consumer_secret_data import read_keys
from jwks_operator.kube.copies import Copies, compare_copies, find_copies, namespace_query
from jwks_operator.kube.errors import OwnedByOtherShard
from jwks_operator.kube.historical_tombstones import read_tombstones
from jwks_operator.kube.keyring import read_keyring
from jwks_operator.kube.objects import (
    compare_object,
    configmap_object,
    is_ours,
    our_metadata,
    replacement_body,
    secret_object,
)
from jwks_operator.kube.source_reader import read_sources


@dataclass(frozen=True, slots=True)
class ObservedObjects:
    """The objects of a set as the API server returned them in this pass; None: it does not exist."""

    the_set: Object | None
    keyring: Object | None
    configmap: Object | None
    secret: Object | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The observed state for the planner, and beside it what only the writer may use."""

    seen: ObservedObjects
    observed: ObservedState
    private_keys: PrivateKeys = field(default_factory=dict)
    status: JsonWebKeySetStatus = field(default_factory=JsonWebKeySetStatus)
    copies: Copies = field(default_factory=Copies)


async def gather(
    client: Client, ref: SetRef, shard: Shard, *, everywhere: bool = True, copied: bool = False
) -> Gathered:
    """Return the observed state of a set; raises KubeError if a read fails, OwnedByOtherShard for another shard's set.

    `everywhere` says whether the operator may read other namespaces, `copied` whether copies of the set exist there.
    """
    the_set = await client.read(SETS, ref.namespace, ref.name)
    keyring = await client.read(SECRETS, ref.namespace, keyring_name(ref.name))
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
        imports, halves = await read_sources(client, ref, wanted)
        observed = replace(observed, imports=imports)
        private_keys = {**halves, **private_keys}  # a kid that two keys claim stays ours
    configmap = await client.read(CONFIGMAPS, ref.namespace, observed.configmap_name)
    secret = await client.read(SECRETS, ref.namespace, observed.secret_name)
    gathered = Gathered(ObservedObjects(the_set, keyring, configmap, secret), observed, private_keys)
    policy = wanted if record is None else record.policy
    if everywhere and (copied or (policy is not None and policy.publish.namespaces is not None)):
        query = None if record is None or the_set is None else namespace_query(record.policy, observed.written)
        copies = await find_copies(client, ref, observed.configmap_name, query)
        if the_set is None and keyring is None:
            copies = replace(copies, orphaned=tuple(each for each in copies.orphaned if shard_of(each) == shard))
        gathered = replace(gathered, copies=copies)
    return refresh_comparisons(with_status(gathered))


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
        recoverable, found = _salvage(seen, ours)
        private_keys |= found
    wanted_configmap, wanted_secret = _wanted(observed, record, private_keys)
    observed = replace(
        observed,
        keyring_uid=_uid(seen.keyring),
        keyring=_sight_of_keyring(seen.keyring, observed),
        configmap=compare_object(wanted_configmap, seen.configmap, ours=ours["configmap"]),
        secret=compare_object(wanted_secret, seen.secret, ours=ours["secret"]),
        recoverable=recoverable,
        copies=compare_copies(observed, gathered.copies),
        copies_complaint=gathered.copies.complaint,
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


# --- keys that can be recovered from the projections when the record is gone, or older than they are ---


def _salvage(seen: ObservedObjects, ours: Mapping[str, bool]) -> tuple[RecoverableKeys, PrivateKeys]:
    """Accept a private half if its public half is published, or if nothing is published (as for symmetric keys).

    What is published is in use, if its private half is here. Of the rest, the Secret says which key is in use.
    """
    published = tuple(_published(seen.configmap)) if seen.configmap and ours["configmap"] else ()
    known = {key.kid: key.thumbprint for key in published}
    usable: dict[str, FreshKey] = {}
    openers: dict[str, tuple[str, FreshKey]] = {}
    private_keys: dict[str, PrivateJwk] = {}
    for found in read_keys(seen.secret) if seen.secret and ours["secret"] else ():
        if found.private is None:
            continue
        key = _fresh(found.public, found.private)
        unpublished = not ours["configmap"] or not found.public
        believed = known.get(key.kid) == key.thumbprint or (unpublished and found.in_use)
        opens = ALGORITHMS[key.algorithm].key_class is not KeyClass.SIGNATURE
        if believed and found.entry not in usable:
            usable[found.entry], private_keys[key.kid] = key, found.private
        elif opens and key.kid not in private_keys:
            openers[key.kid], private_keys[key.kid] = (found.entry, key), found.private
    buried = read_tombstones(seen.configmap) if seen.configmap and ours["configmap"] else ()
    return RecoverableKeys(usable, published, tuple(openers.values()), buried), private_keys


def _published(configmap: Object) -> Iterator[FreshKey]:
    """Yield every well-formed public key in any value of the ConfigMap: the user chooses the data key."""
    found: dict[str, FreshKey] = {}
    for text in (configmap.get("data") or {}).values():
        for value in _listed(text):
            with suppress(JwkError):
                key = _fresh(parse_public(value))
                found.setdefault(key.kid, replace(key, public=as_written(key.public, value)))
    yield from found.values()


def _listed(text: str) -> list[object]:
    with suppress(JwkError):
        return list_keys(parse_json_strict(text.encode()))
    return []


def _fresh(public: Mapping[str, object], private: PrivateJwk | None = None) -> FreshKey:
    members = public if private is None else private.reveal()
    return FreshKey(
        str(members["kid"]), str(members["alg"]), thumbprint(members), dict(public), has_private=private is not None
    )


def _uid(seen: Object | None) -> str:
    return "" if seen is None else str(seen["metadata"]["uid"])
