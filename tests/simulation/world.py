"""A set, its operators and their enemies in simulated time: whole passes of the reconciler, on the fake API server.

Nothing here sleeps and no event loop runs: an operator is a coroutine that is advanced by hand, one API call at
a time, so it can be left standing anywhere, for as long as one likes, while others go on. True time is what the
monotonic clock says; the API server's clock and each node's may be off.
"""

from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from typing import Any, TypeVar

from fakes.apiserver import FakeApiServer
from fakes.faults import Crash, Fault
from fakes.keys import KeysAtOnce
from fakes.seam import FakeTransport
from jwks_operator.api.names import SetRef, keyring_name
from jwks_operator.api.shards import Shard
from jwks_operator.core.model.observed_state import Endpoint, Endpoints
from jwks_operator.core.planner.endpoint_gate import Question
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Call, Client, Object, Reply
from jwks_operator.kube.errors import KubeError
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.reconcile.reconciler import Reconciler
from reconcile.life import DELETION_DELAY, REF, START, Life
from simulation.chronicle import Chronicle, published
from simulation.pool import Pool
from simulation.promise import Promise

T = TypeVar("T")
RING = keyring_name(REF.name)
BACK_OFF = timedelta(seconds=1)
WAKES = 60
"""More often nobody wakes in one wait; the rest of it is slept through."""


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("it waits for something")


class _Standstill:
    """What a replica awaits right before an API call while somebody counts its steps."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class _Steps(Fault):
    """Stands still before every call while it is `counted`, and dies there once it is `dead`."""

    def __init__(self) -> None:
        super().__init__(times=10**9)
        self.counted = self.dead = False

    async def before(self, _number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        if self.counted and not self.dead:
            await _Standstill()
        if self.dead:
            raise Crash
        return None


class _ServerClock(Fault):
    """The API server's clock, as the Date header tells it."""

    def __init__(self, world: "World") -> None:
        super().__init__(times=10**9)
        self._world = world

    async def after(self, _number: int, _call: Call, reply: Reply) -> Reply:
        if "date" not in reply.headers:
            return reply
        date = parsedate_to_datetime(reply.headers["date"]) + self._world.server_ahead
        return Reply(reply.status, {**reply.headers, "date": format_datetime(date, usegmt=True)}, reply.body)


class Replica:
    """One operator process on a node of its own."""

    def __init__(self, world: "World", ahead: timedelta = timedelta(), shard: Shard = None) -> None:
        self.ahead = ahead
        self._time = world.life.time
        self._steps = _Steps()
        self.seam = FakeTransport(world.life.server, [self._steps, _ServerClock(world)])
        clock = Clock(lambda: self._time.now + self.ahead, self._time.ticks)
        client = Client(self.seam, clock.hear_date)
        means = ReconcilerConfig(DELETION_DELAY, shard=shard, ask=world.ask)
        self._operator = Reconciler(client, KeysAtOnce(world.life.keys), clock, ObservedVersions(), means)
        self._pass: Coroutine[Any, Any, datetime | None] | None = None

    def pass_(self) -> datetime | None:
        """One pass; returns the true time at which it wants to look again."""
        self._steps.counted = False
        wake = finish(self._operator.reconcile(REF))
        return None if wake is None else wake - self.ahead

    def advance(self, calls: int) -> bool:
        """Go on with a pass, or begin one, for so many calls; False once it is over."""
        if self._pass is None:
            self._pass = self._operator.reconcile(REF)
            calls += 1
        self._steps.counted = True
        try:
            for _ in range(calls):
                self._pass.send(None)
        except (StopIteration, KubeError):
            self._pass = None
        return self._pass is not None

    def wake_up(self) -> None:
        """Go on where it was left standing, to the end of the pass."""
        while self.advance(1):
            pass

    def die(self) -> None:
        """Be no more, at whatever call it stands."""
        self._steps.dead = True
        if self._pass is not None:
            try:
                self._pass.throw(Crash())
            except (Crash, StopIteration):
                self._pass = None


@dataclass
class World:
    """Everything that can happen to one set."""

    life: Life = field(default_factory=Life)
    server_ahead: timedelta = timedelta()
    shift: timedelta = timedelta()
    """By how much the API server's clock, and every right one, is ahead of true time."""
    deaf: bool = False
    """Whether watch events are lost, so that only a timer or the resync makes the operator look."""
    unanswered: bool = False
    """Whether the pods behind the Service of the set are silent."""
    backups: list[Object] = field(default_factory=list)
    versions: dict[str, list[Object]] = field(default_factory=lambda: {"ConfigMap": [], "Secret": []})

    def __post_init__(self) -> None:
        self.life.keys = Pool()
        self.chronicle = Chronicle(REF, lambda: self.now)
        self.chronicle.listen(self.life.server)
        self.leader = Replica(self)
        self.standby = Replica(self)
        self.asleep: list[Replica] = []

    @property
    def now(self) -> datetime:
        """True time."""
        return START + timedelta(seconds=self.life.time.monotonic - 1000.0)

    def begin(self, spec: dict[str, Any]) -> None:
        finish(self.life.begin(spec))
        self.look()

    def end(self) -> None:
        """Let go of everybody who still stands somewhere."""
        for replica in (*self.asleep, self.leader, self.standby):
            replica.die()

    # --- the operator ---

    def look(self) -> datetime | None:
        """One pass of the leader, and once more a second later if the API server gave trouble."""
        try:
            wake = self.leader.pass_()
        except KubeError:
            return self.now + BACK_OFF
        self._keep()
        return wake

    def noticed(self) -> None:
        """The leader looks, if the news of what was done reaches it."""
        if not self.deaf:
            self.look()

    def live(self, span: timedelta) -> None:
        """Let time pass; the leader wakes whenever it asked to, and at a resync after news were lost."""
        end = self.now + span
        wake = self.now + timedelta(minutes=10) if self.deaf else self.look()
        for _ in range(WAKES):
            if wake is None or wake > end:
                break
            self.life.time.pass_by(max(wake - self.now, span / WAKES))
            wake = self.look()
        self.deaf = False
        self.life.time.pass_by(max(end - self.now, timedelta()))
        self.look()

    def fail_over(self, *, paused: bool, off: timedelta = timedelta()) -> None:
        """The standby leads from now on; the clock of the next one is off by so much."""
        if paused:
            self.asleep.append(self.leader)
        else:
            self.leader.die()
        self.leader, self.standby = self.standby, Replica(self, self.shift + off)

    def step_all_clocks(self, by: timedelta) -> None:
        """All clocks step, as after a common time source was wrong or is; whoever lives through it can know."""
        self.shift += by
        self.server_ahead += by
        for replica in (*self.asleep, self.leader, self.standby):
            replica.ahead += by

    def settle(self) -> None:
        """The leader looks until its clock can be trusted again."""
        for _ in range(8):
            self.life.time.pass_by(timedelta(seconds=15))
            self.look()

    def set_clocks(self) -> None:
        """The leader's clock and the API server's are right again; whoever sees it knows."""
        self.leader.ahead = self.server_ahead = self.shift
        self.settle()

    def steps(self, order: list[bool], off: timedelta = timedelta()) -> None:
        """Two replicas that both believe to lead take turns at the API server."""
        other = Replica(self, self.shift + off)
        going = {True, False}
        for mine in (*order, *(True, False) * 60):
            if mine in going and not (self.leader if mine else other).advance(1):
                going.discard(mine)
        assert not going, "a pass does not end"
        other.die()

    # --- what people write ---

    @property
    def objects(self) -> str:
        """The name of the ConfigMap and the consumer Secret."""
        return self.chronicle.objects or REF.name

    def named(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return a spec with the names that the objects of the set have; admission lets nobody change them."""
        if not self.chronicle.objects:
            return spec
        publish, secret = spec.get("publish") or {}, spec.get("secret") or {}
        named = {"publish": {**publish, "configMap": {"name": self.objects}}}
        return {**spec, **named, "secret": {**secret, "name": self.objects}}

    # --- what is there ---

    def record(self) -> dict[str, dict[str, Any]]:
        return finish(self.life.keyring())

    def kids(self) -> list[str]:
        """The kids of the record, oldest first."""
        if not self.there(SECRETS, RING):
            return []
        keys = [key for name, key in self.record().items() if name != "record.json"]
        return [key["kid"] for key in sorted(keys, key=lambda key: (key["created"], key["kid"]))]

    def there(self, resource: Any, name: str) -> Object | None:
        return finish(self.life.people.read(resource, REF.namespace, name))

    async def ask(self, _ref: SetRef, question: Question) -> Endpoints:
        """Return what the one pod behind the Service serves: what is published, if it answers."""
        if self.unanswered:
            return Endpoints(question.kids, trouble="no pod of the Service is ready")
        keys = published(self.there(CONFIGMAPS, self.objects))
        return Endpoints(question.kids, (Endpoint("pod", tuple(keys.values())),))

    def _keep(self) -> None:
        """Remember versions that somebody may put back one day."""
        for kind, resource in (("ConfigMap", CONFIGMAPS), ("Secret", SECRETS)):
            found = self.there(resource, self.objects)
            if found is not None and (not self.versions[kind] or self.versions[kind][-1]["data"] != found["data"]):
                self.versions[kind].append(found)

    # --- judgement ---

    def judge(self) -> None:
        """Raise AssertionError if anything valid could have been refused by now, or the keys are in disorder."""
        gaps = Promise(self.chronicle).gaps()
        assert not gaps, gaps
        keys = [key for name, key in self.record().items() if name != "record.json"] if self.kids() else []
        for entry in {key["entry"] for key in keys}:
            active = [key for key in keys if key["entry"] == entry and key["state"] == "Active"]
            assert len(active) <= 1, f"two active keys of {entry}"
        self._assert_buried(keys)
        for key in keys:
            assert key["state"] not in {"Pending", "Active"} or "private" in key, f"{key['kid']} lost its private half"

    def _assert_buried(self, keys: list[dict[str, Any]]) -> None:
        """What was destroyed or revoked stays so, under whatever kid and from wherever it is offered."""
        stones = self.record()["record.json"]["tombstones"] if keys else []
        dead = {stone.get(part) for stone in stones for part in ("kid", "key")}
        for key in keys:
            marks = {sha256(key[part].encode()).hexdigest() for part in ("kid", "thumbprint")}
            buried = key["state"] not in {"Destroyed", "Compromised"} and marks & dead
            assert not buried, f"{key['kid']} came back from the dead"

    def assert_quiet(self) -> None:
        """At rest nothing is written."""
        before = self.life.server.store.version
        self.look()
        assert self.life.server.store.version == before, "a world at rest was written to"
