"""Every kind of transition, for a set of each class: what comes before it, and what sets it off."""

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jwks_operator.api.names import keyring_name
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from reconcile.life import REF, Life

RING = keyring_name(REF.name)
MONTH = timedelta(hours=720)
LEADS = {
    KeyClass.SIGNATURE: timedelta(minutes=70),
    KeyClass.ENCRYPTION: timedelta(minutes=5),
    KeyClass.SYMMETRIC: timedelta(minutes=5),
}
LONGEST = timedelta(minutes=131)
"""No lead and no retention of a default spec is longer."""
OTHER = {"ES256": "Ed25519", "ECDH-ES": "ECDH-ES+A256KW", "HS256": "HS512"}

Act = Callable[[Life, str], Awaitable[None]]


@dataclass(frozen=True)
class Transition:
    """What happens before, and what makes the very next pass do it; both know the algorithm of the set."""

    prepare: Act
    trigger: Act
    classes: tuple[KeyClass, ...] = tuple(KeyClass)


def spec(algorithm: str, *others: str, **more: Any) -> dict[str, Any]:
    """Return a spec with the entry `box`, and one for each of the other names, of the same algorithm."""
    return {"keys": [{"name": name, "algorithm": algorithm} for name in ("box", *others)], **more}


def lead(algorithm: str) -> timedelta:
    return LEADS[ALGORITHMS[algorithm].key_class]


ON_SCHEDULE = {"prepublish": "OnSchedule"}


async def nothing(life: Life, algorithm: str) -> None:
    """Leave the world alone."""


async def _created(life: Life, algorithm: str) -> None:
    await life.begin(spec(algorithm))


async def _settled(life: Life, algorithm: str) -> None:
    await life.begin(spec(algorithm))
    await life.pass_()
    life.time.pass_by(timedelta(minutes=10))


async def _settled_on_schedule(life: Life, algorithm: str) -> None:
    await life.begin(spec(algorithm, rotation=ON_SCHEDULE))
    await life.pass_()


async def _prepublished(life: Life, algorithm: str) -> None:
    await _settled_on_schedule(life, algorithm)
    await life.after(MONTH - lead(algorithm))


async def _rotated(life: Life, algorithm: str) -> None:
    await life.begin(spec(algorithm, rotation={"rollbackWindow": "10m"}))
    await life.pass_()
    await life.after(MONTH)


async def _forgotten(life: Life, algorithm: str) -> None:
    await _rotated(life, algorithm)
    await life.after(timedelta(minutes=10))


async def _two_entries(life: Life, algorithm: str) -> None:
    await life.begin(spec(algorithm, "old"))
    await life.pass_()


async def _manual_recovery(life: Life, algorithm: str) -> None:
    await life.begin(spec(algorithm, recovery="Manual"))
    await life.pass_()
    await lose(SECRETS, RING)(life, algorithm)
    await lose(SECRETS, REF.name)(life, algorithm)
    await life.after(timedelta(minutes=1))


class Backup:
    """A keyring that is saved at one time and put back at another."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    async def save(self, life: Life, algorithm: str) -> None:
        await _settled(life, algorithm)
        self._kept = await life.read(SECRETS, RING)
        life.time.pass_by(MONTH - timedelta(minutes=10))
        await life.pass_()
        life.time.pass_by(timedelta(minutes=1))

    async def restore(self, life: Life, algorithm: str) -> None:
        del algorithm
        await life.delete(SECRETS, RING)
        metadata = {"name": RING, "namespace": REF.namespace, "labels": self._kept["metadata"]["labels"]}
        body = {"metadata": metadata, "type": self._kept["type"], "data": self._kept["data"]}
        await life.people.create(SECRETS, REF.namespace, body)


def passing(span: Callable[[str], timedelta]) -> Act:
    async def act(life: Life, algorithm: str) -> None:
        life.time.pass_by(span(algorithm))

    return act


def writing(**more: Any) -> Act:
    """Edit the spec: the entry stays, and this is said beside it."""

    async def act(life: Life, algorithm: str) -> None:
        await life.set_spec(spec(algorithm, **more))

    return act


async def _change_algorithm(life: Life, algorithm: str) -> None:
    await life.set_spec(spec(OTHER[algorithm]))


async def _add_entry(life: Life, algorithm: str) -> None:
    await life.set_spec(spec(algorithm, "more"))


async def _roll_back(life: Life, algorithm: str) -> None:
    del algorithm
    await life.annotate(rollback=f"box@{life.time.now.isoformat()}")


async def _emergency(life: Life, algorithm: str) -> None:
    del algorithm
    await life.annotate(rotate=f"box@{life.time.now.isoformat()}!")


async def _revoke(life: Life, algorithm: str) -> None:
    del algorithm
    await life.annotate(revoke=await life.in_use("box"))


def lose(*what: Any) -> Act:
    resource, name = what

    async def act(life: Life, algorithm: str) -> None:
        del algorithm
        await life.delete(resource, name)

    return act


def editing(resource: Any, name: str, change: Callable[[dict[str, Any]], object]) -> Act:
    async def act(life: Life, algorithm: str) -> None:
        del algorithm
        await life.edit(resource, name, change)

    return act


def both(*acts: Act) -> Act:
    async def act(life: Life, algorithm: str) -> None:
        for one in acts:
            await one(life, algorithm)

    return act


def _plant(configmap: dict[str, Any]) -> None:
    configmap["data"]["jwks.json"] = json.dumps({"keys": []})


def _swap(secret: dict[str, Any]) -> None:
    secret["data"]["box.kid"] = b64encode(b"another").decode()


_backup = Backup()
_SIGNATURE = (KeyClass.SIGNATURE,)
_LOST_RING, _LOST_SECRET = lose(SECRETS, RING), lose(SECRETS, REF.name)

TRANSITIONS: dict[str, Transition] = {
    "bootstrap": Transition(_created, nothing),
    "publish": Transition(_settled_on_schedule, passing(lambda name: MONTH - lead(name))),
    "activate": Transition(_prepublished, passing(lead)),
    "activate and publish a standby": Transition(_settled, passing(lambda _: MONTH)),
    "retire, the entry was removed": Transition(_two_entries, writing()),
    "a first key, the entry was added": Transition(_settled, _add_entry),
    "destroy": Transition(_forgotten, passing(lambda _: LONGEST)),
    "forget": Transition(_rotated, passing(lambda _: timedelta(minutes=10)), _SIGNATURE),
    "roll back": Transition(_rotated, _roll_back),
    "emergency": Transition(_settled, _emergency),
    "revoke with a standby": Transition(_settled, _revoke),
    "revoke without a standby": Transition(_settled_on_schedule, _revoke),
    "revoke under repair": Transition(_settled, both(_revoke, lose(CONFIGMAPS, REF.name))),
    "recover the keyring": Transition(_settled, _LOST_RING),
    "replace a lost key": Transition(_settled, both(_LOST_RING, _LOST_SECRET)),
    "replace a lost key when told to": Transition(_manual_recovery, writing(recovery="Regenerate")),
    "restore a month-old keyring": Transition(_backup.save, _backup.restore),
    "repair a deleted ConfigMap": Transition(_settled, lose(CONFIGMAPS, REF.name)),
    "repair an emptied ConfigMap": Transition(_settled, editing(CONFIGMAPS, REF.name, _plant)),
    "repair a deleted Secret": Transition(_settled, _LOST_SECRET),
    "repair an edited Secret": Transition(_settled, editing(SECRETS, REF.name, _swap)),
    "repair stripped labels": Transition(_settled, editing(SECRETS, RING, lambda ring: ring["metadata"].pop("labels"))),
    "adopt a lowered lead": Transition(_settled, writing(timing={"propagation": "1m", "verifierRefresh": "1m"})),
    "change the algorithm": Transition(_settled, _change_algorithm),
}
