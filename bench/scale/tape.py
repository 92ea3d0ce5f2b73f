"""What the operator wrote for one set, step by step, and the same writes for other sets without the operator.

The bodies are those of the operator, byte for byte except for names, uids and versions, so bare writes cost the API
server what the operator's cost.
"""

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from jwks_operator.api.names import RECORD_KEY, keyring_name
from scale.api import Api, Object, run_each
from scale.generator import Generator, Ref, Spec
from scale.recorder import Written

_NAMESPACE, _NAME, _UID, _VERSION = "%namespace%", "%name%", "%uid%", "%version%"
SET = "set"
NOTICE = "Notice"
"""A status that says something new without a step, such as that a request was seen; a step ends with its status."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write with gaps where sets differ; `step` numbers the step it belongs to, `target` its object."""

    step: int
    kind_of_step: str
    target: str
    method: str
    path: str
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class Tape:
    """The writes for one set in their order, and the spec that they belong to.

    `reads` are the paths of the objects that are read one by one before the first of them.
    """

    spec: Spec
    writes: tuple[Write, ...]
    reads: tuple[str, ...] = ()

    def steps(self) -> list[tuple[str, int]]:
        """Return what each step was and how many writes it took."""
        return [(kind, len(list(writes))) for (_, kind), writes in groupby(self.writes, key=_step)]

    def of(self, *kinds: str) -> "Tape":
        """Return the writes of steps of these kinds, of each kind the first one."""
        first = {kind: min((w.step for w in self.writes if w.kind_of_step == kind), default=-1) for kind in kinds}
        return Tape(self.spec, tuple(write for write in self.writes if write.step in first.values()))


Making = Callable[[], Awaitable[None]]
"""Whatever is made for a set before anything is written for it."""


async def make_nothing() -> None:
    """Make nothing."""


@dataclass
class Bare:
    """Sets that nobody looks after, with the versions of their objects as last written."""

    generator: Generator
    workers: int
    versions: dict[tuple[Ref, str], tuple[str, str]] = field(default_factory=dict)

    async def create(self, sets: Iterable[Ref], tape: Tape, making: Making = make_nothing) -> None:
        """Do for each set what its user and then the operator did; `making` is done between the two."""

        async def one(ref: Ref) -> None:
            self._keep(ref, SET, await self.generator.create_one(ref, tape.spec))
            for path in tape.reads:
                await self.generator.api.look(_of(path, ref))
            await making()
            await self._play(ref, tape.writes)

        await run_each(sets, one, self.workers)

    async def go_on(self, sets: Iterable[Ref], tape: Tape) -> None:
        """Do for each set, which is there, what the operator did later."""
        await run_each(sets, lambda ref: self._play(ref, tape.writes), self.workers)

    async def _play(self, ref: Ref, writes: Sequence[Write]) -> None:
        api: Api = self.generator.api
        for write in writes:
            uid, version = self.versions.get((ref, write.target), ("", ""))
            body = _of(write.body, ref).replace(_UID, uid).replace(_VERSION, version)
            self._keep(ref, write.target, await api.send(write.method, _of(write.path, ref), body, write.kind))

    def _keep(self, ref: Ref, target: str, stored: Object) -> None:
        meta = stored["metadata"]
        self.versions[ref, target] = meta["uid"], meta["resourceVersion"]


def make_tape(ref: Ref, spec: Spec, written: Iterable[Written], read: Iterable[str] = ()) -> Tape:
    """Make a tape of what was written for this set, and of what was read of it before."""
    writes: list[Write] = []
    step, kind = 0, ""
    for one in written:
        if ref.namespace != one.body["metadata"]["namespace"]:
            continue
        if begun := _step_begun(one.body, ref):
            step, kind = step + 1, begun
        elif writes and writes[-1].target == SET:
            step, kind = step + 1, NOTICE
        path = _gapped(one.path, ref)
        target = _target(path, one.body, ref)
        writes.append(Write(step, kind, target, one.method, path, one.kind, _with_gaps(one.body, ref)))
    return Tape(spec, tuple(writes), tuple(_gapped(path, ref) for path in read))


def _gapped(path: str, ref: Ref) -> str:
    return path.replace(f"/{ref.namespace}/", f"/{_NAMESPACE}/").replace(f"/{ref.name}", f"/{_NAME}")


def _of(text: str, ref: Ref) -> str:
    """Fill the names of a set into the gaps."""
    return text.replace(_NAMESPACE, ref.namespace).replace(_NAME, ref.name)


def _step(write: Write) -> tuple[int, str]:
    return write.step, write.kind_of_step


def _step_begun(body: Object, ref: Ref) -> str:
    """Which step this write is the intent of; nothing if it is none."""
    if body["metadata"]["name"] != keyring_name(ref.name):
        return ""
    record: Any = json.loads(b64decode(body["data"][RECORD_KEY]))
    return record["step"]["transition"] if record.get("step") else ""


def _target(path: str, body: Object, ref: Ref) -> str:
    """The object of a write."""
    if "/secrets" in path:
        return "keyring" if body["metadata"]["name"] == keyring_name(ref.name) else "secret"
    return "configmap" if "/configmaps" in path else SET


def _with_gaps(body: Object, ref: Ref) -> str:
    metadata = dict(body["metadata"])
    metadata["namespace"] = _NAMESPACE
    metadata["name"] = metadata["name"].replace(ref.name, _NAME)
    gaps = {"uid": _UID, "resourceVersion": _VERSION}
    metadata |= {name: gap for name, gap in gaps.items() if name in metadata}
    return json.dumps({**body, "metadata": metadata})
