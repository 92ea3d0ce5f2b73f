"""The rules of the two gates: endpoints of the Service and public URLs are asked, and hold what they do not confirm."""

from dataclasses import replace

from jwks_operator.core.planner import endpoint_gate, url_gate
from jwks_operator.core.planner.plan import Case, Plan, list_urgent_entries


def confirm_served_keys(case: Case) -> Case:
    """What endpoints and URLs answered in this pass is written into the record."""
    if case.known.step is not None or not case.reading.trusted:
        return case
    record = endpoint_gate.record_answers(case.observed, case.known, case.reading.latest)
    return replace(case, record=url_gate.record_answers(case.observed, record, case.reading.latest))


def ask_the_endpoints(case: Case) -> Case | Plan:
    """A key that waits for the endpoints of the Service, or that they may still hold back, is asked about."""
    question = endpoint_gate.find_question(case.observed, case.known, case.due, list_urgent_entries(case))
    return case if question is None else replace(case.plan(case.observed.record), asks=question)


def hold_for_the_endpoints(case: Case) -> Case:
    """What the endpoints do not confirm is held, and told once it takes longer than `propagation`."""
    record = case.known
    sure = endpoint_gate.keep_confirmed(case.observed, record, case.due, list_urgent_entries(case))
    waiting = endpoint_gate.list_lags(case.observed, record, (each for each in case.due if each not in sure))
    told = endpoint_gate.list_lag_troubles(record, waiting, case.reading.earliest)
    return replace(case, due=sure, waiting=waiting).with_troubles(*told)


def ask_the_urls(case: Case) -> Case | Plan:
    """A key that waits for a URL, or that a URL may still hold back or is to show no more, is asked about."""
    now, urgent = case.reading.earliest, list_urgent_entries(case)
    question = url_gate.find_question(case.observed, case.known, case.due, urgent, now)
    return case if question is None else replace(case.plan(case.observed.record), looks_at=question)


def hold_for_the_urls(case: Case) -> Case:
    """What the URLs do not confirm is held, and told once it takes longer than the facts of the spec."""
    record, now = case.known, case.reading.earliest
    sure = url_gate.keep_confirmed(case.observed, record, case.due, list_urgent_entries(case))
    unseen = url_gate.list_lags(case.observed, record, (each for each in case.due if each not in sure), now)
    told = url_gate.list_lag_troubles(case.observed, record, unseen)
    return replace(case, due=sure, unseen=unseen).with_troubles(*told)
