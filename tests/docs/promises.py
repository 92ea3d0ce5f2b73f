"""What is promised when things go wrong, each line with the test that proves it: a section of docs/rotation.md.

`python -m docs.promises [--check]` (with `hack` and `tests` on the path) writes it. What stands in the way of a write
is a table of its own, made from the rows that `tests/cluster/test_obstacles.py` asserts.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.obstacles import PHASES, TABLE
from generated import ROOT, replace_section, write_or_check

PAGE = ROOT / "docs" / "rotation.md"
BEGIN, END = "<!-- promises, generated: make generate -->\n", "<!-- end of promises -->\n"


@dataclass(frozen=True)
class Promise:
    """One thing that can go wrong: what the operator does, what the status says, and the proof as `file::test`."""

    what: str
    does: str
    says: str
    proof: str


READY, NAMED = "`Ready`", "`Ready=False, RevokedKeyRemains`"
PROMISES = (
    # --- objects that are lost or edited ---
    Promise(
        "ConfigMap or Secret deleted or edited",
        "back from the record at once; the waits that it proves start again",
        f"{READY}, Event `ObjectRepaired`",
        "reconcile/test_repair.py::test_an_accident_is_repaired_in_one_pass_with_the_same_keys",
    ),
    Promise(
        "keyring deleted",
        "rebuilt from Secret and ConfigMap; keys in use stay in use",
        f"{READY}, Event `KeyringRebuilt`",
        "reconcile/test_losses.py::test_a_lost_keyring_loses_no_key_in_use",
    ),
    Promise(
        "keyring and Secret deleted",
        "published keys stay; `spec.recovery` decides whether a new key is made at once",
        "`Degraded, KeysLost`",
        "reconcile/test_losses.py::test_a_lost_keyring_and_secret_lose_the_key_and_a_new_one_is_used_at_once",
    ),
    Promise(
        "keyring and ConfigMap deleted",
        "active keys stay in use, from the Secret; retired signature keys are nowhere any more, so their last tokens "
        "fail",
        "`Degraded, KeysLost` names the kids until the last of those tokens has expired",
        "core/test_hard_histories.py::test_losses",
    ),
    Promise(
        "ConfigMap and Secret deleted",
        "back from the record with the same keys; waits start again",
        READY,
        "core/test_clock_and_drift_histories.py::test_drift",
    ),
    Promise(
        "all three deleted",
        "new keys at once, if `spec.recovery` says so. Without the status too, it is a set that never existed",
        "`Degraded, KeysLost`",
        "nightly/simulation/test_losses_in_pairs.py::test_without_anything_but_the_status_all_is_made_anew_and_said",
    ),
    Promise(
        "status deleted",
        "written again from the record",
        READY,
        "reconcile/test_repair.py::test_a_lost_or_edited_status_is_written_again_from_the_record",
    ),
    Promise(
        "a set made again with other object names",
        "the objects under the former names show what the set shows, revocations included, until nothing depends on "
        "them; then they are deleted, unless the policy is `Retain`. Copies under the former name go at once",
        f"{READY}, Event `ObjectsRenamed`",
        "reconcile/test_former_names.py::test_a_revoked_key_leaves_every_name_that_there_ever_was",
    ),
    Promise(
        "`immutable: true` on ConfigMap, Secret, keyring or a copy",
        "deleted by uid and made again when it has to change, once a dry run has shown that it can be; pods that mount "
        "it need a restart, because a kubelet reads an immutable object once",
        f"{READY}, Event `ObjectRepaired`",
        "nightly/reconcile/test_crash_of_immutable.py::"
        "test_a_crash_while_immutable_objects_are_made_again_loses_no_used_key",
    ),
    Promise(
        "a copy edited or deleted",
        "back at once; if it hid a waiting key, that key's wait starts again",
        READY,
        "reconcile/test_copies.py::test_an_edited_or_deleted_copy_comes_back",
    ),
    Promise(
        "a foreign object of that name",
        "never touched; a key that is revoked leaves the other objects all the same",
        "`Ready=False, NameConflict`",
        "reconcile/test_conflicts.py::test_a_foreign_object_of_that_name_is_never_touched",
    ),
    Promise(
        "another client or an admission policy changes an object after every repair",
        "repairs come after growing delays: at most 16 seconds for ten minutes, then a minute; it is over within 30 "
        "seconds of the other client's end (a controller after ten minutes: 70); a label in dispute does not stop "
        "rotation, content does; revocation never waits",
        "`Degraded, ObjectDisputed` names the field and its manager, with one Event that counts",
        "cluster/test_disputes.py::test_controllers_that_rewrite_data_are_named_once_and_do_not_win",
    ),
    Promise(
        "two operators look after one set by mistake (no leader election, another installation, another version)",
        "every write is fenced, so nothing is lost and no key is used early",
        "`Degraded, OtherOperator` names both until an hour after the last change between them",
        "cluster/ha/test_two_operators.py::test_two_operators_without_an_election_are_named_and_lose_nothing",
    ),
    # --- restores ---
    Promise(
        "keyring restored from a backup, however old",
        "every wait starts again; a pending key may have been used since, so an unwanted one is retired and not "
        "destroyed; the key that is in use and published stays in use, what else is published beyond the backup stays "
        "so for its retention; no request is honoured twice: one that is not known to be answered is refused",
        f"{READY}, Event `RecordRestored`; of keys in use since that are nowhere any more `Degraded, KeysLost` names "
        "the kids",
        "core/test_hard_histories.py::test_restores",
    ),
    Promise(
        "set, Secrets and ConfigMap restored without status",
        "the same keys, every wait starts again",
        READY,
        "simulation/test_restores.py::test_everything_restored_but_the_status_goes_on_with_the_same_keys_and_new_waits",
    ),
    Promise(
        "everything restored from a week ago",
        "the key of the backup is used at once, because there is no other; tokens of younger keys fail, and verifiers "
        "take up to one lead to know it",
        READY,
        "simulation/test_restores.py::test_everything_restored_from_a_week_ago_uses_the_key_of_the_backup",
    ),
    Promise(
        "`kubectl replace --force` on the set",
        "the same keys and waits, if the set is back within ten minutes",
        READY,
        "simulation/test_restores.py::test_a_set_that_is_replaced_by_force_keeps_its_keys",
    ),
    Promise(
        "a revoked or destroyed key put back by hand",
        "its tombstone refuses it; after a restore from before a revocation, `spec.revoked`, or an annotation that is "
        "still there, revokes it again. So list in the spec what must stay revoked",
        READY,
        "simulation/test_restores.py::"
        "test_a_key_with_a_tombstone_that_somebody_puts_back_into_both_objects_is_not_believed",
    ),
    Promise(
        "a fact lowered just before the keyring is lost",
        "the longer waits of before count on. With the status lost as well the spec counts, and tokens or caches of "
        "the former fact may outlive their key",
        "`status.waits` tells the longer ones",
        "core/test_loss_histories.py::test_losses",
    ),
    Promise(
        "a set is deleted, or restored from a backup, while its first keyring is made",
        "the keyring is taken back by uid; the restore finds its place free",
        "",
        "reconcile/test_failing_writes.py::test_a_first_keyring_that_meets_the_deletion_of_its_set_is_taken_back",
    ),
    # --- revocation ---
    Promise(
        "an object cannot be written while a key is revoked",
        "every other object gives the key up in the same pass. A key that comes in its place is used once it is "
        "recorded and published",
        f"{NAMED} names the object that still holds it and says why",
        "reconcile/test_revocation_everywhere.py::test_every_object_that_can_be_written_gives_a_revoked_key_up",
    ),
    Promise(
        "something cannot be read while a key is revoked: an object, the source of an import, a CA, copies",
        "every object that can be read and written gives the key up; the others follow when they can",
        f"{NAMED} names what may still hold it",
        "reconcile/test_failing_reads.py::test_what_cannot_be_read_keeps_a_revoked_key_nowhere_else",
    ),
    Promise(
        "a key is revoked while the keyring cannot be read, or is gone and the spec is refused or cannot be read",
        "the key leaves ConfigMap, Secret and keyring all the same; what takes its place waits for the record or the "
        "spec",
        "`Ready=False`, Event `KeyWithdrawn`",
        "reconcile/test_revocation_wins.py::test_a_key_is_withdrawn_also_without_a_record",
    ),
    Promise(
        "a key is revoked and its successor takes long to generate (RSA)",
        "the revoked key goes at once; the next one is used as soon as it is there",
        "`Ready=False` until then",
        "reconcile/test_revocation_wins.py::test_a_revoked_key_does_not_stay_until_the_next_one_is_generated",
    ),
    # --- the API server ---
    Promise(
        "quota used up, a webhook denies or is dead, rights taken away, the server is overloaded or does not answer",
        "keys stay as they are, the step is finished as soon as it may be, waits begin then",
        "`Degraded, WriteRefused` and an Event with the server's words and what helps, at once for a refusal and else "
        "after three passes, also of a new set",
        "cluster/test_obstacles.py::test_the_set_says_what_the_table_promises",
    ),
    Promise(
        "a read fails",
        "nothing is planned, nothing is published less, nothing is deleted",
        "`Ready=False, ReadRefused` after three passes, with the server's words",
        "reconcile/test_failing_reads.py::test_what_cannot_be_read_is_told_after_a_few_tries_and_nothing_moves",
    ),
    Promise(
        "a namespace refuses its copy",
        "the step is not confirmed until it can be written or consent is withdrawn",
        "`Degraded, CopyRefused` names it",
        "reconcile/test_copies.py::test_a_key_is_published_only_when_every_copy_has_it",
    ),
    Promise(
        "namespace terminating",
        "nothing is created, nothing else is deleted",
        "",
        "simulation/test_refused_writes.py::test_in_a_namespace_that_terminates_nothing_is_made_and_nothing_else_goes",
    ),
    Promise(
        "a write stuck for an hour",
        "meets another resourceVersion and lands on nothing",
        "",
        "reconcile/test_conflicts.py::test_a_write_that_was_stuck_for_an_hour_lands_on_nothing",
    ),
    Promise(
        "an operator that slept in the middle of a step",
        "its next write meets a conflict if another one went on; its stamps are never older than their effects",
        "",
        "ha/test_replicas.py::test_a_leader_stopped_within_a_step_finds_it_finished_and_changes_nothing",
    ),
    Promise(
        "an operator dies between a step and its Events",
        "the Events stay untold",
        "`status.history` and the audit log have them",
        "nightly/reconcile/test_crash.py::test_a_crash_at_any_api_call_changes_nothing_but_the_time",
    ),
    Promise(
        "a pod behind `publish.serviceName` lags or does not answer, or there is none",
        "the key waits; nothing else waits for it",
        "`Degraded, EndpointsLag` names the pod",
        "reconcile/test_served.py::test_an_endpoint_that_lags_holds_the_rotation_and_is_told_once",
    ),
    Promise(
        "a URL of `publish.seenAt` lags, or does not answer",
        "the key waits; nothing else waits for it",
        "`Degraded, UrlLags` names URL, edge and what it shows",
        "reconcile/test_seen_at_urls.py::test_a_rotation_waits_for_the_stale_edge_and_names_what_it_shows",
    ),
    Promise(
        "a URL still shows a revoked key",
        "the key is gone from the set all the same",
        "`Degraded, RevokedKeyShown` until no URL shows it",
        "reconcile/test_seen_at_urls.py::test_a_revoked_key_that_an_edge_still_shows_is_told_until_it_does_not",
    ),
    Promise(
        "the next key of `keys[].external` is missing when it is due",
        "the key in use goes on",
        "`Degraded, NoSuccessor` from one lead before",
        "reconcile/test_external.py::"
        "test_a_missing_successor_is_told_a_lead_before_it_is_due_and_the_key_in_use_goes_on",
    ),
    # --- deletion ---
    Promise(
        "the set is deleted",
        "its objects, also those under former names, stay for ten minutes (or for good, with `Retain`); a set of the "
        "same name takes them over",
        "",
        "reconcile/test_deletion.py::test_the_objects_of_a_deleted_set_go_after_the_delay",
    ),
    Promise(
        "leaders change while a set is deleted",
        "the time after which its objects go is noted at the keyring (`jwks-operator.dev/delete-after`), so the delay "
        "does not start again",
        "",
        "reconcile/test_deletion.py::test_leaders_that_change_every_few_minutes_do_not_start_the_delay_again",
    ),
    Promise(
        "sets that go with their CRD, or most of all sets at once",
        "nobody can tell whether that was wanted: their objects stay for a day. Apply the sets again to keep the keys; "
        "delete the objects to confirm",
        "the log and the alert `JwksDeletionInDoubt` say so",
        "reconcile/test_deletion.py::test_most_sets_gone_at_once_keep_their_keys_for_a_day",
    ),
    Promise(
        "the CRD is absent",
        "nothing can be told, so nothing is done",
        "",
        "reconcile/test_deletion.py::test_an_absent_crd_means_that_nothing_can_be_told",
    ),
    # --- time, facts and specs ---
    Promise(
        "a node clock hours off, or any other doubt about the clock",
        "nothing moves by time, nothing is confirmed, no edited spec comes into force; repair and revocation go on",
        "`Degraded, ClockUncertain`",
        "reconcile/test_clock.py::test_a_clock_two_hours_off_rotates_nothing_until_it_is_right",
    ),
    Promise(
        "replicas whose clocks differ by up to `clockSkew` from the API server's",
        "times are taken by the API server's clock, to about two seconds",
        "",
        "core/test_clock_and_drift_histories.py::test_clocks",
    ),
    Promise(
        "all clocks step ahead at once",
        "waits that were running start again, also for the next leader; only a process that started after the step, "
        "with nobody left who saw it, cannot know",
        "Event `ObjectRepaired`",
        "reconcile/test_clock.py::test_what_one_operator_knows_of_a_step_is_written_down_for_the_next_one",
    ),
    Promise(
        "a fact is lowered",
        "keys keep the longest waits they lived under; no successor is used before the former lead has passed once "
        "more",
        "`status.waits` and `status.revocationLatency` show the former times while they count",
        "core/test_hard_histories.py::"
        "test_the_latency_counts_what_was_cached_under_a_former_fact_although_the_lead_was_stated",
    ),
    Promise(
        "one fact is lowered, another one raised",
        "the longest of each counts until nothing is left of what began under the former ones",
        "the same",
        "core/test_spec_histories.py::test_facts_change",
    ),
    Promise(
        "a rotation would exceed `publish.maxKeys`",
        "it waits until a retired key is removed",
        "`Degraded, TooManyKeys`",
        "core/test_hard_histories.py::test_requests_and_limits",
    ),
    Promise(
        "a request that cannot be honoured",
        "it is refused at its time and never kept for later",
        "Event `RotationRefused` or `RollbackRefused`, in `status.history` too",
        "core/test_hard_histories.py::test_a_refused_request_is_told_in_the_history",
    ),
    Promise(
        "a spec that cannot be, or that a later version refuses",
        "the former spec stays in force, but `suspend`, `held`, `revoked` and `deletionPolicy: Retain` work",
        "a condition that names field and cure",
        "reconcile/test_other_rules.py::test_brakes_of_a_spec_that_a_new_rule_refuses_hold",
    ),
)


def render_page(text: str) -> str:
    """Return the text of the page with both tables as they are now; ValueError if there is no place for them."""
    return replace_section(text, BEGIN, END, "".join((*_promises(), "\n", *_obstacles())))


def _promises() -> Iterator[str]:
    yield "| what goes wrong | what the operator does | what the set says | proved by |\n|---|---|---|---|\n"
    for each in PROMISES:
        path, _, _ = each.proof.partition("::")
        name = path.rpartition("/")[2].removesuffix(".py")
        yield f"| {each.what} | {each.does} | {each.says} | [{name}](../tests/{path}) |\n"


def _obstacles() -> Iterator[str]:
    yield (
        "What a set says while something stands in the way of its ConfigMap "
        "([proved](../tests/cluster/test_obstacles.py) on a real API server; each is over when its cause is):\n\n"
    )
    yield f"| what stands in the way | {' | '.join(PHASES)} | cure |\n{'|---' * (len(PHASES) + 2)}|\n"
    for each in TABLE:
        yield f"| {each.title} | {' | '.join(str(each.promised[phase]) for phase in PHASES)} | {each.cure} |\n"


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: render_page(PAGE.read_text())}, sys.argv[1:]))
