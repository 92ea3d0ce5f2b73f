"""Every kind of step, as a person sets it off on a real API server, and how to see that it has been made."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.reading import files, in_use, published, ready
from cluster.stage import Stage
from cluster.witness import BRISK

SIGNING = {"name": "signing", "algorithm": "ES256"}
MORE = {"name": "more", "algorithm": "ES256"}
Before = dict[str, Any]
"""What was seen of a set right before its step: `used` and `published`."""


def spec(*keys: dict[str, str], **more: Any) -> dict[str, Any]:
    """A set whose keys move when they are told to."""
    rotation = {"policy": "Manual", **more.pop("rotation", {})}
    secret = {"formats": ["JWK", "PEM"]}
    return {"keys": list(keys or (SIGNING,)), "timing": BRISK, "secret": secret, **more, "rotation": rotation}


def rotate(stage: Stage, name: str, suffix: str = "", request: str = "rotate") -> None:
    """Ask for a rotation, or a roll-back, at once."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    stage.patch(name, {"metadata": {"annotations": {f"jwks-operator.dev/{request}": f"signing@{now}{suffix}"}}})


def used(stage: Stage, name: str) -> dict[str, str]:
    """The kid in use by entry."""
    return in_use(stage.latest("Secret", name))


def shown(stage: Stage, name: str) -> set[str]:
    """The published kids."""
    return set(published(stage.latest("ConfigMap", name)))


def is_ready(stage: Stage, name: str) -> bool:
    """Whether the set is Ready as it is written."""
    found = stage.latest("JsonWebKeySet", name)
    return found is not None and ready(found)


def rotated(**more: Any) -> Callable[[Stage, str], None]:
    """Create a set, and rotate it once."""

    def prepare(stage: Stage, name: str) -> None:
        stage.create(name, spec(**more))
        stage.until_ready(name)
        first = used(stage, name)
        rotate(stage, name)
        stage.until(lambda: used(stage, name) != first and is_ready(stage, name), f"{name} is rotated")

    return prepare


def created(*keys: dict[str, str]) -> Callable[[Stage, str], None]:
    """Create a set of these entries."""

    def prepare(stage: Stage, name: str) -> None:
        stage.create(name, spec(*keys))
        stage.until_ready(name)

    return prepare


def patching(**change: Any) -> Callable[[Stage, str], None]:
    """Change the spec."""
    return lambda stage, name: stage.patch(name, {"spec": change})


def losing(kind: str, suffix: str = "") -> Callable[[Stage, str], None]:
    """Delete an object of the set."""
    return lambda stage, name: stage.delete(kind, name + suffix)


def nothing(stage: Stage, name: str) -> None:
    """Leave the set alone."""


def same_keys(stage: Stage, name: str, before: Before) -> bool:
    """Whether every object is there again, with the keys it had."""
    return used(stage, name) == before["used"] and shown(stage, name) == before["published"] and is_ready(stage, name)


def other_key(stage: Stage, name: str, before: Before) -> bool:
    """Whether another key is in use."""
    return used(stage, name) != before["used"] and bool(used(stage, name)) and is_ready(stage, name)


def key_of_other_algorithm(stage: Stage, name: str, before: Before) -> bool:
    """Whether the entry uses a key of the algorithm that was written."""
    found = files(stage.latest("Secret", name)).get("signing.jwk", b"{}")
    return json.loads(found).get("alg") == "ES384" and is_ready(stage, name)


@dataclass(frozen=True)
class Step:
    """What comes before a step, what sets it off, and whether it has been made."""

    prepare: Callable[[Stage, str], None]
    trigger: Callable[[Stage, str], None]
    is_made: Callable[[Stage, str, Before], bool]


def revoke(stage: Stage, name: str) -> None:
    """Revoke the key in use."""
    kid = used(stage, name)["signing"]
    stage.patch(name, {"metadata": {"annotations": {"jwks-operator.dev/revoke": kid}}})


def is_revoked(stage: Stage, name: str, before: Before) -> bool:
    """Whether the key that was in use is nowhere and another one is in use."""
    return other_key(stage, name, before) and before["used"]["signing"] not in shown(stage, name)


def entries_are(*entries: str) -> Callable[[Stage, str, Before], bool]:
    """Whether these entries have a key in use, and no others."""
    return lambda stage, name, _: set(used(stage, name)) == set(entries) and is_ready(stage, name)


def record_is_there(stage: Stage, name: str, before: Before) -> bool:
    """Whether there is a record again and the key in use is the one it was; a key not yet used may be another one."""
    there = stage.latest("Secret", f"{name}-keyring") is not None
    return there and used(stage, name) == before["used"] and is_ready(stage, name)


def is_gone(stage: Stage, name: str, _: Before) -> bool:
    """Whether nothing of the set is left."""
    left = (("Secret", f"{name}-keyring"), ("Secret", name), ("ConfigMap", name))
    return all(stage.latest(*each) is None for each in left)


STEPS = {
    "create": Step(nothing, lambda stage, name: stage.create(name, spec()), entries_are("signing")),
    "rotate": Step(created(), rotate, other_key),
    "emergency": Step(created(), lambda stage, name: rotate(stage, name, "!"), other_key),
    "revoke": Step(created(), revoke, is_revoked),
    "roll-back": Step(
        rotated(rotation={"rollbackWindow": "1m"}),
        lambda stage, name: rotate(stage, name, request="rollback"),
        other_key,
    ),
    "add": Step(created(), patching(keys=[SIGNING, MORE]), entries_are("signing", "more")),
    "remove": Step(created(SIGNING, MORE), patching(keys=[SIGNING]), entries_are("signing")),
    "algorithm": Step(created(), patching(keys=[{**SIGNING, "algorithm": "ES384"}]), key_of_other_algorithm),
    "facts": Step(created(), patching(timing={"tokenLifetime": "2s"}), same_keys),
    "lost-configmap": Step(created(), losing("ConfigMap"), same_keys),
    "lost-secret": Step(created(), losing("Secret"), same_keys),
    "lost-record": Step(created(), losing("Secret", "-keyring"), record_is_there),
    "delete": Step(created(), losing("JsonWebKeySet"), is_gone),
    # Last, so that its retention is not over before the gate is shut.
    "destroy": Step(
        rotated(timing={**BRISK, "retention": "8s"}),
        nothing,
        lambda stage, name, before: not before["published"] <= shown(stage, name),
    ),
}
