"""What people and accidents do to the objects of a set, behind the operator's back."""

from collections.abc import Callable, Mapping
from typing import Any

from jwks_operator.api.names import ANNOTATION_REVOKE
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, SETS, Object, Resource
from reconcile.life import REF
from simulation.world import RING, World, finish

Enemy = Callable[[World, int], None]
"""The number picks among several things to do."""


def _delete(resource: Resource) -> Enemy:
    def act(world: World, _number: int) -> None:
        with world.chronicle.tampering():
            if world.there(resource, world.objects):
                finish(world.life.delete(resource, world.objects))

    return act


def _edit(resource: Resource, change: Callable[[Object], object], name: str = "") -> Enemy:
    def act(world: World, _number: int) -> None:
        with world.chronicle.tampering():
            if world.there(resource, name or world.objects):
                finish(world.life.edit(resource, name or world.objects, change))

    return act


def _put_back(kind: str, resource: Resource) -> Enemy:
    """Apply an export of earlier."""

    def act(world: World, number: int) -> None:
        former = world.versions[kind]
        if former and world.there(resource, world.objects):
            data = former[number % len(former)]["data"]
            with world.chronicle.tampering():
                finish(world.life.edit(resource, world.objects, lambda seen: seen.update(data=data)))

    return act


def _strip(thing: Object) -> None:
    thing["metadata"].pop("labels", None)


def _empty(configmap: Object) -> None:
    configmap["data"] = {"jwks.json": '{"keys":[]}'}


ENEMIES: Mapping[str, Enemy] = {
    "delete the ConfigMap": _delete(CONFIGMAPS),
    "empty the ConfigMap": _edit(CONFIGMAPS, _empty),
    "put an old ConfigMap back": _put_back("ConfigMap", CONFIGMAPS),
    "delete the Secret": _delete(SECRETS),
    "put an old Secret back": _put_back("Secret", SECRETS),
    "strip the ConfigMap's labels": _edit(CONFIGMAPS, _strip),
    "strip the Secret's labels": _edit(SECRETS, _strip),
    "strip the keyring's labels": _edit(SECRETS, _strip, RING),
}


def lose_keyring(world: World) -> None:
    """The record is gone; what it knew of former facts is gone with it."""
    if world.there(SECRETS, RING):
        finish(world.life.delete(SECRETS, RING))


def save_keyring(world: World) -> None:
    """Make a backup."""
    found = world.there(SECRETS, RING)
    if found is not None:
        world.backups.append(found)


def restore_keyring(world: World, number: int) -> None:
    """Put a backup in the place of the keyring."""
    if world.backups:
        backup = world.backups[number % len(world.backups)]
        lose_keyring(world)
        metadata: dict[str, Any] = {
            "name": RING,
            "namespace": REF.namespace,
            "labels": backup["metadata"].get("labels"),
        }
        body = {"metadata": metadata, "type": backup["type"], "data": backup["data"]}
        finish(world.life.people.create(SECRETS, REF.namespace, body))
        _forget_revocations(world)


def _forget_revocations(world: World) -> None:
    """What was revoked since the backup, and is asked for no more, nobody can know."""
    asked = (finish(world.life.read(SETS, REF.name))["metadata"].get("annotations") or {}).get(ANNOTATION_REVOKE, "")
    for kid in world.kids():
        if kid not in asked:
            world.chronicle.revoked.pop(kid, None)
