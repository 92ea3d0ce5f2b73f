"""Upgrade and downgrade in the middle of every kind of step: another release ends what one has begun, and ends it well.

`make upgrade` runs it, and `make nightly`. The release before is the newest tag v*. Until there is one, BEFORE stands
for it: the last commit before these tests were written.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from cluster.chronicle import Chronicle
from cluster.reading import files
from cluster.stage import Stage, figures, grant, install, new_namespace, rules
from cluster.witness import BRISK_LEAD, BRISK_RETENTION, Witness
from controlplane import Access
from last_release import find_last_release
from upgrade.gate import Gate
from upgrade.steps import STEPS, Before, shown, used
from upgrade.trees import OURS, TreeOperator, export_tree

pytestmark = pytest.mark.timeout(400)

MOST = 5
"""More writes than any step makes."""
AGAINST_THE_RULE = {"revoke", "delete", "roll-back"}
"""Steps that remove a key before its retention, or use one again, as they should."""


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ref = find_last_release()
    figures.info(f"the release before is {ref}")
    return export_tree(ref, tmp_path_factory.mktemp("former"))


@contextmanager
def opened(plane: Access, tree: Path, directory: Path, title: str) -> Iterator[tuple[Stage, Gate]]:
    """A namespace with an operator of a tree that comes to the API server through a gate."""
    namespace = new_namespace(plane, title)
    with Gate(plane) as gate:
        account = grant(plane, namespace, rules())
        kept = directory / f"{namespace}.kubeconfig"
        kept.write_text(account.read_text())
        operator = TreeOperator(tree, gate.kubeconfig(kept), kept.with_suffix(".first"), *options(namespace))
        chronicle = Chronicle(plane, namespace)
        try:
            operator.start()
            yield Stage(plane, namespace, chronicle, operator), gate
        finally:
            operator.kill()
            chronicle.close()
    plane.api("DELETE", f"/api/v1/namespaces/{namespace}")


def options(namespace: str) -> tuple[str, ...]:
    return (f"--namespace={namespace}", "--deletion-delay=1s")


@pytest.mark.parametrize("writes", range(MOST))
@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_the_other_release_ends_the_step(
    control_plane: Access, former: Path, tmp_path: Path, direction: str, writes: int
) -> None:
    """The first release makes so many writes of each step and dies; the second one makes the rest."""
    install(control_plane, "crds")
    first, second = (former, OURS) if direction == "upgrade" else (OURS, former)
    with opened(control_plane, first, tmp_path, f"{direction}-{writes}") as (stage, gate):
        before = begin_steps(stage, gate, writes)
        stage.until(lambda: begun(stage, gate, before), "every step to be begun")
        figures.info(f"{direction} after {writes} writes: in the middle of {', '.join(sorted(gate.stuck))}")
        stage.operator.kill()
        account = tmp_path / f"{stage.namespace}.kubeconfig"
        successor = TreeOperator(second, account, account.with_suffix(".second"), *options(stage.namespace))
        successor.start()
        try:
            for name, step in STEPS.items():
                stage.until(partial(step.is_made, stage, name, before[name]), f"the end of: {name}")
            judge(stage)
            assert successor.stop() == 0
        finally:
            successor.kill()


def begin_steps(stage: Stage, gate: Gate, writes: int) -> dict[str, Before]:
    """Prepare every step, shut the gate, and set every step off. Return what was before it, by set."""
    for name, step in STEPS.items():
        step.prepare(stage, name)
    time.sleep(BRISK_LEAD + 0.5)  # the published keys are old enough to be used
    before = {name: {"used": used(stage, name), "published": shown(stage, name)} for name in STEPS}
    gate.shut_after(writes)
    for name, step in STEPS.items():
        step.trigger(stage, name)
    return before


def begun(stage: Stage, gate: Gate, before: dict[str, Before]) -> bool:
    """Whether each step is either stuck at the gate or made already."""
    return all(name in gate.stuck or step.is_made(stage, name, before[name]) for name, step in STEPS.items())


def judge(stage: Stage) -> None:
    """No step is left unfinished; no key was used too early, removed too early or lost."""
    for name in STEPS:
        stage.until(partial(has_no_step, stage, name), f"{name} to have no unfinished step")
        witness = Witness(BRISK_LEAD, BRISK_RETENTION)
        witness.watch(seen for seen in stage.chronicle.sightings("Secret", "ConfigMap") if seen.name == name)
        assert name in AGAINST_THE_RULE or witness.objections == [], name


def has_no_step(stage: Stage, name: str) -> bool:
    """Whether the record of a set, if there is one, names no unfinished step."""
    ring = stage.latest("Secret", f"{name}-keyring")
    return ring is None or b'"step"' not in files(ring)["record.json"]
