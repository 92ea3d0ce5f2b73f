"""A crowd of sets under constant churn over a bad way to a real API server, and what becomes of the operator meanwhile.

1. The operator is measured at rest, without sets. 2. The sets are written. 3. Until the end people act on them, the
way fails now and then, watches are cut and outdated on schedule, and samples are taken. 4. The way is good again and
everybody is left alone: every set has to be well. 5. All sets are deleted: nothing may be left of them, in the cluster
or in the process, which is measured at rest again.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random

from cluster.chronicle import Object
from cluster.faulty import FaultyWay
from cluster.operators import Operator
from cluster.stage import Stage, figures, grant, new_namespace, rules
from controlplane import Access
from jwks_operator.api.names import KIND, LABEL_MANAGED_BY, MANAGED_BY
from jwks_operator.reconcile.deletion import AT_ONCE, MANY
from soak.agreement import discord
from soak.crowd import BOUNDS, DELAY, Crowd
from soak.debts import PATIENCE
from soak.health import POOLED, Doctor, Sample, free_port
from soak.judges import SETTLED, Leaks, Stream, Witness


@dataclass(frozen=True)
class Plan:
    """How long, how many, how often; seconds. `faults` and `torn` are shares of requests and of lines of watches."""

    seed: int
    seconds: float
    sets: int
    every: tuple[int, ...]
    act: float
    sample: float
    trouble: float
    resync: int = 60
    faults: float = 0.01
    torn: float = 0.001


@dataclass
class Lived:
    """What became of the operator, of the sets and of what people did."""

    plan: Plan
    before: Sample
    after: Sample | None = None
    samples: list[Sample] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    did: dict[str, int] = field(default_factory=dict)
    took: dict[str, list[float]] = field(default_factory=dict)
    activations: int = 0
    private_texts: int = 0
    remembered: int = -1
    """How many sets the last resync still knew, by its line in the log."""
    objections: list[str] = field(default_factory=list)
    """What was done too early or too late, told in public, left behind, or not put right."""


def live(plane: Access, directory: Path, plan: Plan) -> Lived:
    """Live it. The CRD has to be installed."""
    with _staged(plane, directory, plan) as (stage, stream, way, port):
        churn = _Churn(stage, stream, way, plan)
        return churn.live(Doctor(stage.operator.pid, port, churn.leaks.look))


@contextmanager
def _staged(plane: Access, directory: Path, plan: Plan) -> Iterator[tuple[Stage, Stream, FaultyWay, int]]:
    port = free_port()
    namespace = new_namespace(plane, "churn")
    with ExitStack() as ending:
        ending.callback(plane.api, "DELETE", f"/api/v1/namespaces/{namespace}")
        way = ending.enter_context(FaultyWay(plane, plan.seed, plan.faults, plan.torn))
        way.faulty = False
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(grant(plane, namespace, rules()).read_text())
        options = (f"--deletion-delay={DELAY}s", f"--resync-interval={plan.resync}s", "--status-page")
        operator = Operator(
            way.kubeconfig(kubeconfig),
            directory / "operator.log",
            f"--namespace={namespace}",
            f"--admin-port={port}",
            "--log-level=info",
            *options,
        )
        stream = Stream(plane, namespace)
        ending.callback(stream.close)
        operator.start()
        ending.callback(operator.stop)
        yield Stage(plane, namespace, stream, operator), stream, way, port


class _Churn:
    """The five parts of one churn."""

    def __init__(self, stage: Stage, stream: Stream, way: FaultyWay, plan: Plan) -> None:
        self.leaks = Leaks()
        self._stage, self._stream, self._way, self._plan = stage, stream, way, plan
        self._witness = Witness(BOUNDS)
        self._crowd = Crowd(stage, self._witness, Random(plan.seed), plan.every)
        self._begun = time.monotonic()
        self._troubles = cycle((self._cut, self._expire, self._gone, self._cut, self._expire, self._unauthorized))

    def live(self, doctor: Doctor) -> Lived:
        """Live all of it."""
        self._doctor = doctor
        self._stage.until(self._doctor.is_ready, "the operator to be ready")
        time.sleep(2)
        self._lived = Lived(self._plan, before=self._look())
        self._arrive()
        self._churn()
        self._calm()
        self._leave()
        return self._told()

    def _arrive(self) -> None:
        """Write the sets, spread so that they do not rotate in step."""
        self._way.faulty = True
        for number in range(self._plan.sets):
            self._crowd.arrive(number)
            self._listen()
            time.sleep(min(0.3, min(self._plan.every) / self._plan.sets))

    def _churn(self) -> None:
        plan, end = self._plan, time.monotonic() + self._plan.seconds
        times = {"act": 0.0, "sample": 0.0, "trouble": time.monotonic() + plan.trouble / 2}
        pauses = {"act": plan.act, "sample": plan.sample, "trouble": plan.trouble}
        deeds: dict[str, Callable[[], object]] = {
            "act": self._crowd.act, "sample": self._sample, "trouble": self._trouble,
        }  # fmt: skip
        while (now := time.monotonic()) < end:
            for name, deed in deeds.items():
                if now >= times[name]:
                    times[name] = now + pauses[name]
                    deed()
            self._crowd.tend()
            self._listen()
            time.sleep(0.05)

    def _calm(self) -> None:
        """Leave everybody alone over a good way, and see that all is well."""
        self._way.faulty = False
        homes = self._crowd.end()
        self._wait(lambda: not any(True for home in homes for _ in discord(self._stage, home)))
        for home in homes:
            self._lived.objections += discord(self._stage, home)

    def _leave(self) -> None:
        """Delete everything, in groups, because most sets at once would stay for a day; see that nothing is left."""
        for number, home in enumerate(self._crowd.homes.values()):
            if number and number % (MANY - 1) == 0:
                time.sleep(AT_ONCE.total_seconds() + 1)
            self._stage.delete("JsonWebKeySet", home.name)
        self._wait(lambda: not self._left())
        self._lived.objections += [f"{kind} {name} is left" for kind, name in self._left()]
        self._wait(self._is_at_rest, PATIENCE + self._plan.resync)
        self._lived.after = self._look()

    def _told(self) -> Lived:
        time.sleep(SETTLED + 0.1)
        self._listen()
        lived = self._lived
        for line in self._stage.operator.printed.splitlines():
            self.leaks.look("log", line)
            if _DEFECT.search(line):
                lived.objections.append(f"the log says: {line}")
        lived.troubles = self._way.happened
        lived.did, lived.took = dict(self._crowd.did), self._crowd.debts.took
        lived.remembered = self._remembered()
        lived.activations, lived.private_texts = self._witness.activations, self.leaks.known
        lived.objections += self._witness.objections + self._crowd.complaints + self._crowd.debts.complaints
        lived.objections += [f"a private text shows in {where}" for where in self.leaks.found]
        return lived

    # --- what happens on the way ---

    def _trouble(self) -> None:
        next(self._troubles)()

    def _cut(self) -> None:
        self._way.cut()

    def _expire(self) -> None:
        self._way.expire()

    def _gone(self) -> None:
        self._way.refuse(410)
        self._way.cut()

    def _unauthorized(self) -> None:
        self._way.refuse(401)
        self._way.cut()

    # --- looking ---

    def _listen(self) -> None:
        for seen in self._stream.settled():
            self.leaks.take(seen)
            self._witness.take(seen)

    def _look(self) -> Sample:
        return self._doctor.look(time.monotonic() - self._begun)

    def _sample(self) -> None:
        self._lived.samples.append(self._look())
        if len(self._lived.samples) % 12 == 0:
            figures.info(f"{self._lived.samples[-1]}")

    def _wait(self, check: Callable[[], bool], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not check() and time.monotonic() < end:
            self._crowd.tend()
            self._listen()
            time.sleep(0.2)

    def _left(self) -> list[tuple[str, str]]:
        return [(s.kind, s.name) for s in self._stream.sightings() if _is_ours(s.object)]

    def _is_at_rest(self) -> bool:
        """As many tasks and about as many files as in the beginning, and empty books."""
        time.sleep(1)
        now, before = self._look(), self._lived.before
        books = now.sets + now.timers + now.retries + now.queue + self._remembered()
        return not books and now.tasks <= before.tasks and now.files <= before.files + POOLED

    def _remembered(self) -> int:
        return int(_RESYNC.findall(self._stage.operator.printed)[-1])


_RESYNC = re.compile(r"resync done queued=\d+ sets=(\d+)")
_DEFECT = re.compile(r"ERROR jwks_operator\.(?!process\.app watching failed)|Unclosed|was destroyed")
"""What the log may not say; that watching failed is what a plain 410 comes to, and watching starts again."""


def _is_ours(thing: Object) -> bool:
    return thing["kind"] == KIND or (thing["metadata"].get("labels") or {}).get(LABEL_MANAGED_BY) == MANAGED_BY
