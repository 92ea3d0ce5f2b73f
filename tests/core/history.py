"""A set's life in memory: objects, a clock moved by hand, and the planner between them; no cluster, no crypto.

The operator here is the reconciler in miniature: observe → decide → intent → effects → confirmation. The record goes
through its stored form at every step. Keys are made up and named k1, k2, … in the order of their birth. What
was published and what was in use goes to an observer, by true time, whatever the operator's clock says.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.observer import Observer
from jwks_operator.api.durations import parse_duration
from jwks_operator.api.names import SetRef
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.api.status_model import JsonWebKeySetStatus, KeyState
from jwks_operator.core.model import codec, key_states
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.observed_state import (
    DriftState,
    Endpoints,
    ObservedState,
    Reading,
    RecoverableKeys,
    UrlAnswer,
    list_kids,
    list_waiting_kids,
)
from jwks_operator.core.model.record import Bounds, KeyRecord, Record
from jwks_operator.core.outputs import projections
from jwks_operator.core.outputs.consumer_secret import secret_layout
from jwks_operator.core.outputs.projections import Effect
from jwks_operator.core.outputs.status import render_status
from jwks_operator.core.planner import rules as planning
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.planner.plan import Plan
from jwks_operator.core.planner.requests import list_answers
from jwks_operator.core.planner.url_gate import UrlQuestion
from jwks_operator.core.timing.policy_change import list_former_ends
from jwks_operator.core.transitions.transition_table import Owned, State, Transition
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.secret_files import KID, is_in_use, split_name

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
REF = SetRef("shop", "auth")
ROUNDS = 16
NOTHING = timedelta()
SIGNING: dict[str, Any] = {"keys": [{"name": "signing", "algorithm": "ES256"}]}


class Crashed(Exception):
    """The operator died right before a write."""


@dataclass
class Thing:
    """An owned object as it is in the cluster."""

    content: Any
    labelled: bool = True
    foreign: bool = False


@dataclass
class Objects:
    """What the API server holds."""

    keyring: tuple[dict[str, Any], ...] | None = None
    keyring_uid: str = ""
    keyring_labelled: bool = True
    configmap: Thing | None = None
    secret: Thing | None = None


def span(text: str) -> timedelta:
    return parse_duration(text)


def made_up(number: int, need: Need) -> FreshKey:
    """Return a public JWK of the right shape and size that belongs to nobody."""
    kid = f"k{number}"
    public: dict[str, Any] = {"kty": "EC", "crv": "P-256", "x": kid, "y": kid}
    if need.modulus_length is not None:
        public = {"kty": "RSA", "n": kid.ljust(-(-need.modulus_length // 6), "A"), "e": "AQAB"}
    public |= {"kid": kid, "alg": need.algorithm, "use": "sig"}
    return FreshKey(kid, need.algorithm, f"thumbprint-{kid}", public)


@dataclass
class History:
    """The world of one set. `now` is true time; the operator's clock is off by `ahead`."""

    spec: JsonWebKeySetSpec | None
    now: datetime = START
    ahead: timedelta = timedelta()
    doubt: str | None = None
    since: datetime | None = None
    told_off: bool = False
    """Whether the operator's clock is off by so much that the API server's Date tells."""
    annotations: dict[str, str] = field(default_factory=dict)
    spec_complaint: str | None = None
    generation: int = 1
    objects: Objects = field(default_factory=Objects)
    status: JsonWebKeySetStatus = field(default_factory=JsonWebKeySetStatus)
    observer: Observer = field(default_factory=Observer)
    plan: Plan = field(default_factory=lambda: Plan(None))
    born: dict[str, FreshKey] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    read: tuple[tuple[dict[str, Any], ...], Record] | None = None
    """What is stored, and what it says: reading it once is enough."""
    dies_before: int | None = None
    """How many more writes the operator lives for; None is for ever."""
    endpoints: Callable[[Question], Endpoints] = field(default_factory=lambda: _nobody)
    """What the endpoints of the Service answer."""
    urls: Callable[[UrlQuestion], Mapping[str, UrlAnswer]] = field(default_factory=lambda: _nobody)
    """What the public URLs answer."""
    watch: Callable[[Record | None, Record], None] = field(default=lambda before, after: None)
    """Called with every record that is stored and its predecessor."""

    @staticmethod
    def of(spec: Mapping[str, Any]) -> "History":
        return History(JsonWebKeySetSpec.model_validate(spec))

    # --- the operator ---

    def reading(self) -> Reading:
        """What the operator's clock shows; how far it is off it knows only if the API server's is right."""
        ahead, behind = (max(self.ahead, NOTHING), max(-self.ahead, NOTHING)) if self.told_off else (NOTHING, NOTHING)
        return Reading(self.now + self.ahead, self.doubt is None, self.doubt, self.since, ahead, behind)

    def record(self) -> Record | None:
        """The record as it is stored."""
        stored = self.objects.keyring
        if stored is None:
            return None
        if self.read is None or self.read[0] is not stored:
            rest, *keys = json.loads(json.dumps(stored))
            loaded = (codec.load_key(key, has_private=key.pop("private")) for key in keys)
            self.read = stored, codec.load_record(rest, tuple(loaded))
        return self.read[1]

    def pass_(self) -> datetime | None:
        """One pass; returns the true time at which the operator wants to look again."""
        for _ in range(ROUNDS):
            reading, world = self.reading(), self.world()
            self.plan = planning.decide(world, reading)
            record = self.plan.record
            if self.plan.asks is not None:
                world = replace(world, endpoints=self.endpoints(self.plan.asks))
                self.plan = planning.decide(world, reading)
                record = self.plan.record
            if self.plan.looks_at is not None:
                world = replace(world, urls=self.urls(self.plan.looks_at))
                self.plan = planning.decide(world, reading)
                record = self.plan.record
            if self.plan.needs:
                record = planning.decide(world, reading, self._generated(self.plan.needs)).record
            if record is None or (record == world.record and record.step is None):
                return self._rested(reading)
            if not self._carry_out(record):
                self._show(self.plan)
                return None
            self._show(planning.decide(self.world(), reading))
        raise AssertionError("the operator does not come to rest")

    def world(self) -> ObservedState:
        """The facts as gather finds them."""
        record, things = self.record(), self.objects
        return ObservedState(
            ref=REF,
            generation=self.generation,
            spec=self.spec,
            spec_complaint=self.spec_complaint,
            annotations=self.annotations,
            record=record,
            keyring_uid=things.keyring_uid,
            keyring=_sight(things.keyring is not None, same=True, labelled=things.keyring_labelled),
            configmap=self._seen(things.configmap, projections.configmap_data),
            secret=self._seen(things.secret, lambda known: dict(secret_layout(known))),
            lived_before=bool(self.status.keys),
            entries_before={key.kid: key.name for key in self.status.keys},
            created_before={key.kid: key.created for key in self.status.keys if key.created is not None},
            answered_before=list_answers(self.status),
            revoked_before=list_kids(self.status, KeyState.COMPROMISED),
            tokens_before=list_kids(self.status, KeyState.ACTIVE, KeyState.RETIRED),
            waiting_before=list_waiting_kids(self.status),
            waits_before={
                KeyClass(told.key_class): Bounds(span(told.lead), span(told.retention)) for told in self.status.waits
            },
            recoverable=self._salvage()
            if record is None or record.uid not in {"", things.keyring_uid}
            else RecoverableKeys(),
        )

    def _seen(self, thing: Thing | None, wanted: Callable[[Record], Any]) -> DriftState:
        record = self.record()
        if thing is None:
            return DriftState.GONE
        if thing.foreign:
            return DriftState.FOREIGN
        return _sight(True, same=record is not None and thing.content == wanted(record), labelled=thing.labelled)

    def _salvage(self) -> RecoverableKeys:
        published, secret = self.published(), self.objects.secret
        content = {} if secret is None or secret.foreign else secret.content
        usable: dict[str, FreshKey] = {}
        openers = []
        for name, (entry, file) in ((name, split_name(name)) for name in content):
            for key in (self.born[kid] for kid in content[name].kids):
                assert file is not None
                named = content[KID.name_for(entry)].text if KID.name_for(entry) in content else ""
                symmetric = ALGORITHMS[key.algorithm].key_class is KeyClass.SYMMETRIC
                unpublished = symmetric or self.objects.configmap is None
                if key.kid in published or (unpublished and is_in_use(file, key.kid, named)):
                    usable.setdefault(entry, key)
                else:
                    openers.append((entry, key))
        return RecoverableKeys(
            usable, tuple(replace(self.born[kid], has_private=False) for kid in published), tuple(openers)
        )

    def _generated(self, needs: tuple[Need, ...]) -> dict[Need, FreshKey]:
        fresh = {need: made_up(len(self.born) + place, need) for place, need in enumerate(needs, start=1)}
        self.born |= {key.kid: key for key in fresh.values()}
        return fresh

    def _carry_out(self, record: Record) -> bool:
        """Intent, effects, witness; False if a clock in doubt left the step without its witness."""
        self._store(record)
        for effect in projections.effect_order(record):
            self._write_projection(effect, record)
        if record.step is not None and self.doubt is None:
            confirmed = key_states.confirm_step(record, self.reading().latest)
            self._store(replace(confirmed, uid=self.objects.keyring_uid))
        return record.step is None or self.doubt is None

    def _store(self, record: Record) -> None:
        before = self.record()
        if before == record and self.objects.keyring_labelled:
            return
        self._lives_on("record")
        keys = (codec.dump_key(key) | {"private": key.has_private} for key in record.keys)
        self.objects.keyring = (codec.dump_record(record), *keys)
        self.objects.keyring_uid = self.objects.keyring_uid or f"uid-{len(self.writes)}"
        self.objects.keyring_labelled = True
        adopting = record.step is not None and record.step.transition is Transition.APPLY_SPEC
        self.observer.stated(self.now, record.policy, adopting=adopting)
        self.observer.exempt |= _used_at_once(record)
        self.watch(before, record)

    def _write_projection(self, effect: Effect, record: Record) -> None:
        public = effect is Effect.PUBLIC
        if effect is Effect.PRIVATE_AHEAD:
            record = projections.without_unknown_keys(record, {Owned.PRIVATE})
        content: Any = projections.configmap_data(record) if public else dict(secret_layout(record))
        thing = self.objects.configmap if public else self.objects.secret
        if thing is not None and thing.labelled and thing.content == content:
            return
        self._lives_on(effect.value)
        if public:
            self.objects.configmap = Thing(content)
            self.observer.published(self.now, self.published())
        else:
            self.objects.secret = Thing(content)
            self.observer.in_use(self.now, self.signing())

    def _lives_on(self, write: str) -> None:
        if self.dies_before is not None:
            self.dies_before -= 1
            if self.dies_before < 0:
                self.dies_before = None
                raise Crashed
        self.writes.append(write)

    def _rested(self, reading: Reading) -> datetime | None:
        self._show(self.plan)
        times = (reading.locally(move.time) for move in self.plan.candidates if move.time > reading.earliest)
        looks = (lag.again(reading.now) for lag in self.plan.waiting)
        more = (lag.next_look for lag in self.plan.unseen)
        record = self.plan.record
        fades = () if record is None else (reading.locally(t) for t in list_former_ends(record) if t > reading.earliest)
        again = min((*times, *looks, *more, *fades), default=None)
        return None if again is None or self.plan.blocked else again - self.ahead

    def _show(self, plan: Plan) -> None:
        status = render_status(self.world(), plan, self.record(), self.status, self.reading())
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if body != self.status.model_dump(mode="json", by_alias=True, exclude_none=True):
            self.writes.append("status")
        self.status = JsonWebKeySetStatus.model_validate(body)

    # --- time ---

    def live(self, until: datetime) -> None:
        """Let time pass; the operator wakes whenever it asked to."""
        wake = self.pass_()
        while wake is not None and wake < until:
            self.now = max(wake, self.now)
            wake = self.pass_()
        self.now = until

    # --- what anybody can see ---

    def published(self) -> tuple[str, ...]:
        thing = self.objects.configmap
        return () if thing is None else tuple(key["kid"] for key in json.loads(thing.content["jwks.json"])["keys"])

    def in_use(self) -> tuple[str, ...]:
        thing = self.objects.secret
        return () if thing is None else tuple(item.text for name, item in thing.content.items() if name[-4:] == ".kid")

    def signing(self) -> tuple[str, ...]:
        """The signature keys in use: those whose check side is the published set, which the observer judges."""
        return tuple(
            kid for kid in self.in_use() if ALGORITHMS[self.born[kid].algorithm].key_class is KeyClass.SIGNATURE
        )

    def known(self) -> tuple[KeyRecord, ...]:
        record = self.record()
        return () if record is None else record.keys

    def states(self) -> str:
        """The keys in short: `signing: k1 Active, k2 Pending`, by entry and state."""
        order = {state: rank for rank, state in enumerate((State.ACTIVE, State.PENDING, State.RETIRED))}
        told: dict[str, list[str]] = {}
        for key in sorted(self.known(), key=lambda key: (key.entry, order.get(key.state, 9), int(key.kid[1:]))):
            half = "" if key.has_private else " without private half"
            told.setdefault(key.entry, []).append(f"{key.kid} {key.state}{half}")
        return "; ".join(f"{entry}: {', '.join(keys)}" for entry, keys in told.items())


def _nobody(question: Question | UrlQuestion) -> Any:
    raise AssertionError(f"nobody is there to be asked: {question}")


def _used_at_once(record: Record) -> set[str]:
    """Keys that no rule protects: revoked, or used at once because there was no other way."""
    told = () if record.step is None else record.step.events
    at_once = {"Emergency", "KeyLost", "Revocation"}
    return {
        one.kid for one in told if one.event == "KeyRevoked" or (one.event == "KeyActivated" and one.reason in at_once)
    }


def _sight(there: bool, *, same: bool, labelled: bool) -> DriftState:
    if not there:
        return DriftState.GONE
    if not same:
        return DriftState.DIFFERS
    return DriftState.SAME if labelled else DriftState.RELABELLED
