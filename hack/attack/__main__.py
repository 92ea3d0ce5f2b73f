"""`python -m attack [--kubeconfig FILE]`: prints what was tried and what came of it; 1 if that is not as expected."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attack.attempts import (
    ALLOWED_TO_OPERATOR,
    ALLOWED_TO_TENANT,
    TENANT_CHANGES,
    TENANT_MAKES,
    THIEF_CHANGES,
    THIEF_MAKES,
    Changes,
    Made,
)
from attack.cluster import Person, Scene, open_scene
from attack.objects import HERE, PUBLIC, configmap_object
from attack.reach import Tried, ask_around, take_over_urls
from controlplane import ControlPlaneError

RACES = 10
WIDTH = 96
DENIED = "denied request: "


@dataclass(frozen=True, slots=True)
class Row:
    """An attempt, and what came of it."""

    who: str
    what: str
    succeeded: bool
    said: str
    allowed: bool = False
    """Whether it has to succeed."""

    @property
    def as_expected(self) -> bool:
        """Whether the outcome is what docs/security.md says."""
        return self.succeeded is self.allowed

    def __str__(self) -> str:
        expected, outcome = ("allowed" if each else "refused" for each in (self.allowed, self.succeeded))
        answer = " ".join(self.said.rpartition(DENIED)[2].replace("Error from server ", "").split())
        shown = answer[:WIDTH].replace("|", "/")
        return f"| {self.who} | {self.what} | {expected} | {'' if self.as_expected else '**'}{outcome} | {shown} |"


DRY = "--dry-run=server"
WITHOUT_DRY_RUN = frozenset({"certificate"})


def list_attempts(scene: Scene) -> Iterator[Row]:
    """Try everything that docs/security.md says nobody can."""
    for who, person, allowed, made, changes in (
        ("tenant", scene.tenant, ALLOWED_TO_TENANT, TENANT_MAKES, TENANT_CHANGES),
        ("operator's token", scene.thief, ALLOWED_TO_OPERATOR, THIEF_MAKES, THIEF_CHANGES),
    ):
        for tried in _make(person, allowed):
            yield Row(who, *tried, allowed=True)
        for tried in (*_make(person, made), *_change(person, changes)):
            yield Row(who, *tried)
    yield Row("tenant", *_race(scene.tenant))
    for tried in (*take_over_urls(), *ask_around(scene)):
        yield Row("tenant", *tried)


def _make(person: Person, made: Made) -> Iterator[Tried]:
    for what, (thing, namespace) in made.items():
        where = person.namespace if namespace == HERE else namespace
        well, said = person.kubectl("create", DRY, "--filename=-", f"--namespace={where}", content=thing)
        yield f"make {what}", well, said


def _change(person: Person, changes: Changes) -> Iterator[Tried]:
    for what, command in changes.items():
        arguments = [person.namespace if each == HERE else each for each in command]
        dry = [] if command[0] in WITHOUT_DRY_RUN or command[:2] == ("create", "token") else [DRY]
        well, said = person.kubectl(*arguments, *dry)
        yield what, well, said


def _race(tenant: Person) -> Tried:
    """Delete the published set and be the first to make another one of its name."""
    won, said = 0, ""
    for _ in range(RACES):
        tenant.kubectl("delete", "configmap/auth", "--wait=false")
        well, said = tenant.kubectl("create", "--filename=-", content=configmap_object(PUBLIC, labels={}))
        won += well
    return f"swap the published set by DELETE and CREATE, {RACES} times", won > 0, f"{won} won; {said}"


def main(arguments: list[str] | None = None) -> int:
    """Run all attempts and print the table; return 1 if an outcome is not as expected, 2 without a cluster."""
    parser = argparse.ArgumentParser(prog="make attack", description=sys.modules["attack"].__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster of yours, where you are administrator")
    kubeconfig = parser.parse_args(arguments).kubeconfig
    rows: list[Row] = []
    try:
        with open_scene(kubeconfig) as scene:
            print("| who | tries to | expected | outcome | the answer |\n|---|---|---|---|---|")
            for row in list_attempts(scene):
                print(row, flush=True)
                rows.append(row)
    except ControlPlaneError as error:
        print(f"attack: {error}", file=sys.stderr)
        return 2
    wrong = sum(not row.as_expected for row in rows)
    print(f"\n{len(rows)} attempts, {wrong} with another outcome than docs/security.md says")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
