"""Replicas of the operator on one fake API server, each in an event loop of its own, in made-up time.

A replica whose loop is not turned is a stopped process: time passes, answers arrive, and it notices nothing of
that until it goes on. What it sent is on the network, which neither pauses nor crashes with it.
"""

import asyncio
import heapq
import math
import random
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from fakes.apiserver import FakeApiServer
from fakes.keys import KeysAtOnce
from jwks_operator.keys.generate import KeyFactory
from jwks_operator.kube.client import CRDS, LEASES, NAMESPACES, Call, Object, Reply
from jwks_operator.kube.errors import KubeError, Unavailable
from jwks_operator.kube.lease import Election
from jwks_operator.process.leadership import Leadership
from jwks_operator.reconcile.clock import Clock
from jwks_operator.reconcile.config import ReconcilerConfig
from jwks_operator.reconcile.observed_versions import ObservedVersions
from jwks_operator.reconcile.reconciler import Reconciler
from jwks_operator.reconcile.work_queue import WorkQueue
from jwks_operator.tasks import Keeper
from jwks_operator.watch.resync import Resync

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOME, NAME = "jwks-operator", "jwks-operator"
SHOP = "shop"
CRD = yaml.safe_load((Path(__file__).parents[2] / "crds" / "jsonwebkeysets.jwks-operator.dev.yaml").read_text())


class Loop(asyncio.SelectorEventLoop):
    """Runs what is ready at this moment and stops; `due` is when it wants to go on."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.due = math.inf
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._world.now

    def settle(self) -> None:
        for _ in range(2):  # what a timer sets off is ready only in the next turn
            self.run_forever()


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._loop.due = math.inf if timeout is None else self._loop.time() + timeout
            self._loop.stop()
        return super().select(0)


@dataclass
class Net:
    """What the network does to a call: seconds there and back, None for lost."""

    there: float | None = 0.001
    back: float | None = 0.001


@dataclass
class Landed:
    """A call as it took effect, and whom the Lease named then."""

    at: float
    sender: str
    call: Call
    reply: Reply
    holder: str | None


@dataclass
class World:
    """Time, network and API server; `now` are seconds since boot, of all machines."""

    now: float = 1000.0
    wall_step: timedelta = timedelta(0)
    landed: list[Landed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = self.now
        self.server = FakeApiServer(self.wall)
        self.loops: list[Loop] = []
        self._stopped: set[Loop] = set()
        self._post: list[tuple[float, int, Callable[[], None]]] = []
        self._turn = count()
        for resource, namespace, body in (
            (NAMESPACES, None, {"metadata": {"name": HOME}}),
            (NAMESPACES, None, {"metadata": {"name": SHOP}}),
            (CRDS, None, CRD),
        ):
            sent = {**body, "apiVersion": resource.api_version, "kind": resource.kind}
            assert self.server.handle(Call("POST", resource.path(namespace), {}, sent)).status == 201

    def wall(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now - self.begun) + self.wall_step

    def boot(self) -> float:
        return self.now

    def lease(self) -> Object | None:
        reply = self.server.handle(Call("GET", LEASES.path(HOME, NAME)))
        return reply.body if reply.status == 200 else None

    def holder(self) -> str | None:
        """Who the Lease names: None if there is none, empty if it is released."""
        lease = self.lease()
        return None if lease is None else str(lease.get("spec", {}).get("holderIdentity") or "")

    def edit_lease(self, **spec: Any) -> None:
        lease = self.lease()
        assert lease is not None
        sent = {**lease, "spec": {**lease["spec"], **spec}}
        assert self.server.handle(Call("PUT", LEASES.path(HOME, NAME), {}, sent)).status == 200

    def later(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._post, (self.now + seconds, next(self._turn), happens))

    def stop(self, loop: Loop) -> None:
        self._stopped.add(loop)

    def resume(self, loop: Loop) -> None:
        self._stopped.discard(loop)

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that falls due."""
        end = self.now + seconds
        while True:
            awake = [loop for loop in self.loops if loop not in self._stopped]
            for loop in awake:
                loop.settle()
            due = min([loop.due for loop in awake] + [when for when, _, _ in self._post[:1]], default=math.inf)
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            while self._post and self._post[0][0] <= self.now:
                heapq.heappop(self._post)[2]()

    def until(self, what: Callable[[], bool], seconds: float = 60.0) -> float:
        """Advance in small steps until it is so; give how long that took."""
        begun = self.now
        while not what():
            assert self.now < begun + seconds, "it did not happen in time"
            self.advance(0.05)
        return self.now - begun

    def close(self) -> None:
        """End every loop, the crashed ones as well."""
        self._post.clear()
        for loop in self.loops:
            while tasks := asyncio.all_tasks(loop):  # some have a last word to say
                for task in tasks:
                    task.cancel()
                loop.settle()
            loop.close()


class Wire:
    """The production `Transport` of one replica; `net` may be changed at any time."""

    def __init__(self, world: World, loop: Loop, sender: str) -> None:
        self._world, self._loop, self._sender = world, loop, sender
        self.net: Callable[[Call], Net] = lambda _: Net()
        self.cut = False
        self.sent: list[Call] = []

    async def request(self, call: Call) -> Reply:
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self.sent.append(call)
        if self.cut:
            await asyncio.sleep(0.1)
            raise Unavailable("cut off")
        net = self.net(call)

        def arrive() -> None:
            reply = self._world.server.handle(call)
            holder = None if call.method == "GET" else self._world.holder()
            landed = Landed(self._world.now, self._sender, call, reply, holder)
            self._world.landed.append(landed)
            if net.back is not None:
                self._world.later(net.back, lambda: None if answer.done() else answer.set_result(reply))

        if net.there is not None:
            self._world.later(net.there, arrive)
        async with asyncio.timeout(call.timeout):
            return await answer

    def stream(self, call: Call) -> AsyncGenerator[Object, None]:
        raise NotImplementedError(call)


async def _nothing_more() -> None:
    """Events are posted within the passes here."""


class Replica:
    """One life of the process, made of the parts that app.py puts together, without kopf and the admin port."""

    def __init__(self, world: World, identity: str, election: Election | None = None) -> None:
        self.world, self.identity = world, identity
        self.loop = Loop(world)
        world.loops.append(self.loop)
        self.wire = Wire(world, self.loop, identity)
        clock = Clock(world.wall, world.boot)
        chosen = election or Election(HOME, NAME, identity)
        self.leadership = Leadership(self.wire, clock.hear_date, chosen, world.boot)
        versions = ObservedVersions()
        work = Reconciler(self.leadership.client, KeysAtOnce(KeyFactory()), clock, versions, ReconcilerConfig())
        self.queue = WorkQueue(work.reconcile, clock.now, workers=4, expected=KubeError)
        # Without watches everything is heard of by resyncs.
        self.resync = Resync(self.leadership.client, versions, self.queue, interval=timedelta(seconds=5))
        self.ended: asyncio.Task[Any] | None = None
        self._do(self._start())

    def leads(self) -> bool:
        lease = self.leadership._lease
        assert lease is not None
        return lease.leads()

    def pause(self) -> None:
        """As SIGSTOP."""
        self.world.stop(self.loop)

    def resume(self) -> None:
        """As SIGCONT."""
        self.world.resume(self.loop)

    def crash(self) -> None:
        """As SIGKILL: the loop is never turned again."""
        self.world.stop(self.loop)

    def terminate(self) -> None:
        """As SIGTERM."""
        self.ended = self._do(self.leadership.close(timedelta(seconds=1), _nothing_more))

    def writes(self) -> list[Landed]:
        """What it wrote but for the Lease, as it landed."""
        return [each for each in writes(self.world) if each.sender == self.identity]

    async def _start(self) -> None:
        self.leadership.start(self.queue, self.resync, Keeper())
        self.resyncing = asyncio.create_task(self.resync.run())

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.loop.create_task(coroutine)


def writes(world: World) -> list[Landed]:
    """Every write that arrived but for those of the Lease itself."""
    return [each for each in world.landed if each.call.method != "GET" and "/leases" not in each.call.path]


def jittery(seed: int, longest: float, losses: float) -> Callable[[Call], Net]:
    """A network that takes up to `longest` seconds each way and loses that part of calls and answers."""
    chance = random.Random(seed)

    def net(_: Call) -> Net:
        way = [None if chance.random() < losses else chance.random() ** 3 * longest for _ in range(2)]
        return Net(*way)

    return net
