"""Longer and wider histories: nothing valid is refused, and the summary says how many spans were judged.

Beyond `AnyHistory`: schedules by cron, stated leads and retentions, certificates, restarts, copies, pods that have to
serve a key first, restores of several objects at once, namespaces that are made again, sets that are made again under
other names, and weeks of ordinary life in between.
"""

import os
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from jwks_operator.kube.client import CONFIGMAPS, NAMESPACES, SECRETS, SETS
from jwks_operator.kube.held_keys import kids_in_secret
from reconcile.life import REF
from simulation import exemptions
from simulation.chronicle import published
from simulation.enemies import restore_keyring, save_keyring
from simulation.promise import SPANS_JUDGED
from simulation.test_no_validation_gap import AnyHistory, keys, numbers, rotations, timings
from simulation.world import World, finish

EXAMPLES = int(os.environ.get("WIDER_EXAMPLES", "20"))
NAMES = st.sampled_from(("auth", "first", "second"))
SCHEDULES = ("0 */5 * * *", "30 3 * * *", "0 0 * * 1")
LABELS = {"tier": "web", "accept.jwks-operator.dev/shop": "true"}


def _by_calendar(rotation: dict[str, Any], schedule: str, time_zone: str, jitter: str) -> dict[str, Any]:
    rest = {name: value for name, value in rotation.items() if name != "every"}
    return {**rest, "schedule": schedule, "timeZone": time_zone, "jitter": jitter}


calendars = st.builds(
    _by_calendar,
    rotations,
    st.sampled_from(SCHEDULES),
    st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe")),
    st.sampled_from(("0s", "7m")),
)
wider_timings = st.tuples(
    timings,
    st.dictionaries(st.sampled_from(("lead", "retention")), st.sampled_from(("10h", "30h")), max_size=2),
).map(lambda pair: {**pair[0], **pair[1]})
certified = st.tuples(keys, st.booleans()).map(
    lambda pair: [_with_certificate(entry) if pair[1] else entry for entry in pair[0]]
)
publishing = st.fixed_dictionaries(
    {"maxKeys": st.just(20)},
    optional={
        "serviceName": st.just("auth-jwks"),
        "namespaces": st.just({"matchLabels": {"tier": "web"}}),
    },
)
wider = st.fixed_dictionaries(
    {"keys": certified, "rotation": st.one_of(rotations, calendars), "publish": publishing},
    optional={"secret": st.just({"restart": {"within": "2m"}})},
)


def _with_certificate(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with certificates; only keys that sign can sign their own."""
    signs = entry["algorithm"] in {"ES256", "RS256", "Ed25519"} and "import" not in entry
    return {**entry, "certificate": {"selfSigned": {}}} if signs else entry


class WiderHistory(AnyHistory):
    """One set and everything that may happen to it in weeks."""

    @initialize(spec=wider, timing=wider_timings)
    def create(self, spec: dict[str, Any], timing: dict[str, str]) -> None:
        """The set begins without imports; they may come with an edit."""
        self.world = World()
        self.stuck = []
        entries = [{name: value for name, value in entry.items() if name != "import"} for entry in spec["keys"]]
        finish(self.world.life.people.create(NAMESPACES, None, {"metadata": {"name": "web", "labels": LABELS}}))
        self.world.begin({**spec, "keys": entries, "timing": timing})

    @rule(spec=wider, timing=wider_timings)
    def edit_widely(self, spec: dict[str, Any], timing: dict[str, str]) -> None:
        finish(self.world.life.set_spec(self.world.named({**spec, "timing": timing})))
        self.world.look()

    @rule(days=st.integers(1, 8))
    def live_for_days(self, days: int) -> None:
        for _ in range(4 * days):
            self.world.live(timedelta(hours=6))

    @rule(silent=st.booleans())
    def change_the_pods(self, silent: bool) -> None:
        self.world.unanswered = silent
        self.world.look()

    @rule(name=NAMES, suspend=st.booleans())
    def make_again(self, name: str, suspend: bool) -> None:
        """The set is deleted and applied again, with other names for its objects."""
        world = self.world
        seen = finish(world.life.read(SETS, REF.name))
        finish(world.life.delete(SETS, REF.name))
        world.look()
        world.chronicle.objects = name
        annotations = seen["metadata"].get("annotations") or {}
        spec = world.named({**seen["spec"], "suspend": suspend})
        finish(world.life.create_set(spec, annotations=annotations))
        world.look()

    @rule(number=numbers, ring=st.booleans(), public=st.booleans(), private=st.booleans())
    def restore_any(self, number: int, ring: bool, public: bool, private: bool) -> None:
        """Objects of several ages are put back together, while nobody looks."""
        world = self.world
        for kind, resource, wanted in (("ConfigMap", CONFIGMAPS, public), ("Secret", SECRETS, private)):
            former = world.versions[kind]
            if wanted and former and world.there(resource, world.objects):
                data = former[number % len(former)]["data"]
                with world.chronicle.tampering():
                    finish(world.life.edit(resource, world.objects, lambda seen, data=data: seen.update(data=data)))
        exemptions.put_back_by_a_restored_secret(
            world.chronicle, kids_in_secret(world.there(SECRETS, world.objects)), world.kids()
        )
        if ring:
            restore_keyring(world, number)
        kept = {*world.kids(), *published(world.there(CONFIGMAPS, world.objects))}
        if ring and public:
            exemptions.unknown_to_all_that_was_restored(world.chronicle, kept)
        world.look()

    @rule(restored=st.booleans())
    def make_the_namespace_again(self, restored: bool) -> None:
        """Everything goes with its namespace; then the set is applied, and the keyring put back before it or not."""
        world = self.world
        save_keyring(world)
        seen = finish(world.life.read(SETS, REF.name))
        finish(world.life.delete(SETS, REF.name))
        with world.chronicle.tampering():
            for resource in (CONFIGMAPS, SECRETS):
                for each in finish(world.life.people.list(resource, REF.namespace))[0]:
                    finish(world.life.people.delete(resource, each))
        finish(world.life.create_set(seen["spec"]))  # nobody looks before the keyring is back
        if restored:
            restore_keyring(world, len(world.backups) - 1)
        exemptions.lost_with_the_namespace(world.chronicle, world.kids())
        world.look()
        if not restored:
            exemptions.first_keys_of_another_set(world.chronicle, world.kids())


@pytest.mark.timeout(7200)
def test_in_a_wider_world_nothing_valid_is_refused() -> None:
    SPANS_JUDGED.clear()
    run_state_machine_as_test(
        WiderHistory,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize="SIMULATION_EXAMPLES" not in os.environ,
            phases=[Phase.generate, Phase.shrink] if "SIMULATION_SHRINK" in os.environ else [Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert SPANS_JUDGED
