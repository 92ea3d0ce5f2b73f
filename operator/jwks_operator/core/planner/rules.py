"""What should happen now? The order of decisions: one list of rules, from what was observed and one clock reading.

Each rule takes the case and returns it, changed or not, or the plan, which ends the list. At most one step comes out;
the reconciler executes it and asks again.

"Cannot tell" decides nothing: an unreadable record, a foreign object or a refused spec leave the keys as they are,
except those that are revoked; a clock in doubt stops every timed transition and every confirmation.
"""

from collections.abc import Callable
from dataclasses import replace

from jwks_operator.core.features import copies_plan, signed_artifacts, workload_restart
from jwks_operator.core.features.imports import list_import_troubles as import_troubles
from jwks_operator.core.features.imports import list_offers, must_wait
from jwks_operator.core.features.renamed_objects import list_former_troubles, remember_former, rename_objects
from jwks_operator.core.features.signed_artifacts import ARTIFACT_TRANSITIONS
from jwks_operator.core.model.observed_state import ObservedState, Reading
from jwks_operator.core.outputs.projections import list_published
from jwks_operator.core.planner import key_requests, max_keys, recovery, revocation, set_troubles
from jwks_operator.core.planner.case_questions import (
    find_candidates,
    find_first_due,
    has_existed_before,
    has_to_revoke,
    is_suspended,
    is_to_revoke,
)
from jwks_operator.core.planner.gates import (
    ask_the_endpoints,
    ask_the_urls,
    confirm_served_keys,
    hold_for_the_endpoints,
    hold_for_the_urls,
)
from jwks_operator.core.planner.plan import Case, Fresh, Plan
from jwks_operator.core.planner.requests import NO_REQUESTS, read_requests
from jwks_operator.core.planner.timestamp_reset import reset_doubtful, reset_drifted
from jwks_operator.core.timing.policy_change import accept_policy, add_safety_fields, replace_unread_policy
from jwks_operator.core.transitions.apply_transition import answer_requests, apply_transition
from jwks_operator.core.transitions.transition_table import Transition

Rule = Callable[[Case], "Case | Plan"]


def decide(observed: ObservedState, reading: Reading, fresh: Fresh | None = None) -> Plan:
    """Return the plan for this moment; `fresh` are generated keys offered to the needs of a former answer."""
    case = Case(observed, reading, fresh or {}, observed.written, observed.record)
    for rule in RULES:
        decided = rule(case)
        if isinstance(decided, Plan):
            return _with_certificates(observed, decided, reading)
        case = decided
    return _with_certificates(observed, case.plan(case.record), reading)


# --- what is not ours, or cannot be read ---


def leave_what_cannot_be_read(case: Case) -> Case | Plan:
    """Nobody can tell what an unread object is: nothing is planned, except that revoked keys leave the others."""
    if not case.observed.unread:
        return case
    if case.record is None or not has_to_revoke(case):
        return Plan(None)
    decided = revoke_keys(read_the_requests(case))
    return decided if isinstance(decided, Plan) else decided.plan(decided.known)


def follow_the_names(case: Case) -> Case | Plan:
    """A set that was made again with other object names: these are recorded, so that the objects are read by them."""
    record, written = case.record, case.written
    if record is None or written is None or is_to_revoke(case) or case.is_spec_refused:
        return case
    renamed = rename_objects(case.observed.ref, record, written)
    return case if renamed.policy == record.policy else Plan(renamed)


def leave_foreign_objects(case: Case) -> Case | Plan:
    """An object that the set needs exists and is not ours: nothing is written, except that revoked keys leave ours."""
    trouble = set_troubles.find_name_conflict(case.observed)
    if trouble is None:
        return case
    if has_to_revoke(case):
        return case.with_troubles(trouble)
    return Plan(None, troubles=(trouble,))


def leave_an_unreadable_record(case: Case) -> Case | Plan:
    """The keyring cannot be understood by this version: nothing is touched."""
    trouble = set_troubles.find_unreadable_record(case.observed)
    return case if trouble is None else Plan(None, troubles=(trouble,))


# --- a set without a record ---


def wait_for_a_sound_spec(case: Case) -> Case | Plan:
    """Without a record there is no policy in force, so the written spec has to pass its checks."""
    if case.record is not None:
        return case
    trouble = set_troubles.find_spec_trouble(case.observed, case.reading.now)
    return case if trouble is None else Plan(None, troubles=(trouble,))


def create_the_record(case: Case) -> Case | Plan:
    """A set that never existed: its first keys are active at once, because nobody can have cached it."""
    policy = case.written
    if case.record is not None or policy is None or has_existed_before(case.observed):
        return case
    offered = key_requests.list_first_offers(case.observed, policy)
    if must_wait(policy, offered):
        return Plan(None, troubles=import_troubles(offered))
    needs = key_requests.list_bootstrap_needs(policy, offered)
    missing = tuple(need for need in needs if need not in case.fresh)
    if missing:
        return Plan(None, needs=missing)
    return Plan(key_requests.create_record(case.observed, policy, case.reading.now, case.fresh))


def rebuild_the_record(case: Case) -> Case | Plan:
    """A set whose keyring is lost: its record is rebuilt from what the projections still hold, less what is revoked."""
    policy = case.written
    if case.record is not None or policy is None:
        return case
    needs = recovery.list_needs(case.observed, policy)
    missing = tuple(need for need in needs if need not in case.fresh)
    if missing:
        return Plan(None, needs=missing)
    record = recovery.rebuild_record(case.observed, policy, case.reading.now, case.fresh)
    return replace(case, record=workload_restart.require_restart(record) if needs else record)


# --- a set with a record ---


def read_the_requests(case: Case) -> Case:
    """Read what users ask for by annotations, and list what is wrong with the set."""
    record = case.known
    requests = read_requests(case.observed.annotations, frozenset(entry.name for entry in record.policy.keys))
    told = set_troubles.list_troubles(case.observed, case.written, record, requests, case.reading.now)
    return replace(case, requests=requests).with_troubles(*told, *copies_plan.list_copy_troubles(case.observed, record))


def remember_former_objects(case: Case) -> Case:
    """Objects of the set under former names are remembered until they are gone."""
    after = replace(case, record=remember_former(case.observed, case.known))
    return after.with_troubles(*list_former_troubles(case.observed))


def reset_doubtful_times(case: Case) -> Case:
    """A confirmed time that a restore, a clock or drift makes doubtful is taken back, and what drifted is repaired."""
    record = reset_doubtful(case.observed, case.known, case.reading, case.requests)
    return replace(case, record=reset_drifted(case.observed, record))


def revoke_keys(case: Case) -> Case | Plan:
    """Revocation comes before everything else, also before a clock in doubt."""
    record = case.known
    revoked = revocation.list_revoked(record, case.safety_fields, case.requests, case.reading.now)
    if not revoked and not revocation.lacks_keys(record):
        return case
    missing = tuple(need for need in revocation.list_needs(record, revoked) if need not in case.fresh)
    answered = case.requests if case.reading.trusted else NO_REQUESTS
    intended = revocation.apply_revocation(record, revoked, case.reading.now, case.fresh, answered)
    intended = workload_restart.mark_pending_restart(record, intended)
    return Plan(intended, needs=missing, troubles=case.troubles)


def apply_the_written_spec(case: Case) -> Case:
    """A spec that passes its checks is put in force; of one that is refused or has to wait, its safety fields alone."""
    record, written, now = case.known, case.written, case.reading.earliest
    if record.step is not None or not case.reading.trusted:
        return replace(case, record=replace(record, policy=add_safety_fields(record.policy, case.safety_fields)))
    if written is None or case.is_spec_refused:
        return replace(case, record=accept_policy(record, add_safety_fields(record.policy, case.safety_fields), now))
    if record.unread is not None:
        return replace(case, record=replace_unread_policy(record, written, case.observed.waits_before, now))
    return replace(case, record=accept_policy(record, written, now))


def find_due_candidates(case: Case) -> Case:
    """List what can happen next, and what of it is due and not held by `spec.suspend`.

    Under a policy that could not be read nothing is due but a key in the place of one that is revoked or lost.
    """
    record, now = case.known, case.reading.earliest
    offered = list_offers(record, case.observed.imports, case.requests.revoked)
    case = replace(case, offers=offered).with_troubles(*import_troubles(offered))
    candidates = find_candidates(case)
    case = case.with_troubles(*set_troubles.list_missing_successors(record, candidates, now))
    due = tuple(each for each in candidates if each.time <= now and not each.gated and not is_suspended(case, each))
    if record.unread is not None:
        lost = set_troubles.describe_lost_policy(record.unread)
        due = tuple(each for each in due if each.transition is Transition.REPLACE)
        return replace(case, candidates=candidates, due=due, troubles=(lost, *case.troubles))
    return replace(case, candidates=candidates, due=due)


def hold_for_max_keys(case: Case) -> Case:
    """A key that would be one more than `publish.maxKeys` in the published set waits until another one leaves it."""
    room = case.known.policy.publish.max_keys - len(list_published(case.known))
    coming = [each for each in case.due if max_keys.is_one_more(case.known, each)]
    held = coming[max(room, 0) :]
    due = tuple(each for each in case.due if each not in held)
    return replace(case, due=due).with_troubles(*max_keys.describe_held(case.known, held))


def hold_for_the_clock(case: Case) -> Case | Plan:
    """A clock in doubt makes no timed transition, confirms nothing and puts no spec in force."""
    if case.reading.trusted:
        return case
    record = case.known
    written = case.written
    new_spec = written is not None and written != record.policy and not case.is_spec_refused
    if not case.due and record.step is None and not new_spec:
        return case.plan(record)
    case = case.with_troubles(set_troubles.describe_clock_doubt(case.reading))
    return replace(case.plan(record), blocked=True)


def finish_the_step(case: Case) -> Case | Plan:
    """An unfinished step is finished before anything new is planned."""
    return case if case.known.step is None else case.plan(case.known)


def prepare_the_transition(case: Case) -> Case | Plan:
    """Keys, certificates and signatures that the first due transition needs are made before it."""
    record, chosen = case.known, find_first_due(case)
    missing = tuple(need for need in key_requests.list_needs(record, chosen) if need not in case.fresh)
    # Also before its turn: what stands in the way of a certificate is reported from the first decision of a pass on.
    signing = (each for each in case.due if each.transition is Transition.CERTIFY or each in chosen)
    artifacts = signed_artifacts.list_artifacts_to_make(case.observed, record, signing) if chosen else ()
    if not missing and not artifacts:
        return case
    return replace(case.plan(case.observed.record), needs=missing, artifacts=artifacts)


def make_the_first_due_transition(case: Case) -> Case | Plan:
    """Of everything that is due, the transition that takes precedence becomes the step."""
    record, chosen, now = case.known, find_first_due(case), case.reading.earliest
    if not chosen:
        return case
    if chosen[0].transition in ARTIFACT_TRANSITIONS:
        intended = signed_artifacts.apply_artifacts(case.observed, record, chosen)
    else:
        answered = answer_requests(record, chosen, case.requests, now)
        intended = apply_transition(answered, chosen, case.reading.now, case.fresh)
    after = replace(case, record=workload_restart.mark_pending_restart(record, intended))
    return replace(after, candidates=find_candidates(after)).plan(after.record)


RULES: tuple[Rule, ...] = (
    leave_what_cannot_be_read,
    follow_the_names,
    leave_foreign_objects,
    leave_an_unreadable_record,
    wait_for_a_sound_spec,
    create_the_record,
    rebuild_the_record,
    read_the_requests,
    remember_former_objects,
    reset_doubtful_times,
    revoke_keys,
    apply_the_written_spec,
    confirm_served_keys,
    find_due_candidates,
    hold_for_max_keys,
    hold_for_the_clock,
    finish_the_step,
    ask_the_endpoints,
    hold_for_the_endpoints,
    ask_the_urls,
    hold_for_the_urls,
    prepare_the_transition,
    make_the_first_due_transition,
)
"""The order of decisions; docs/architecture.md shows it."""


def _with_certificates(observed: ObservedState, plan: Plan, reading: Reading) -> Plan:
    """Return the same plan with certificates for its new keys, and with a trouble for each that cannot be made."""
    troubles = (*plan.troubles, *signed_artifacts.list_artifact_troubles(observed, plan.record))
    if plan.record is None or plan.needs or plan.artifacts or plan.asks or plan.looks_at:
        return replace(plan, troubles=troubles)
    record, missing = signed_artifacts.certify_new_keys(observed, plan.record, reading)
    return replace(plan, record=observed.record if missing else record, artifacts=missing, troubles=troubles)
