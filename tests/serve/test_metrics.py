"""Metrics and probes: several workers are one server."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.httpd.counters import BUCKETS, Stats, sum_snapshots
from jwks_operator.serve.probes import build_admin_pages, build_probes
from jwks_operator.serve.server_metrics import render
from jwks_operator.serve.stats import SetState, Snapshot

GOOD = SetState("auth", loaded=True, etag="ab" * 32, keys=2, changed=100.0)
LATE = SetState("auth", loaded=True, etag="cd" * 32, keys=1, changed=90.0, refused=3, trouble="keys[0]: not public")
NONE = SetState("auth", loaded=False, trouble="nothing there")


def snapshot(state: SetState, *codes: int, draining: bool = False) -> Snapshot:
    stats = Stats(connections=1, accepted=2)
    for code in codes:
        stats.answered(code, 0.00003)
    return Snapshot(stats, (state,), draining, 1000, 2.0)


def test_what_workers_counted_is_added_up() -> None:
    text = render([snapshot(GOOD, 200, 200), snapshot(LATE, 200, 304)], now=130.0)
    for line in (
        'requests_total{code="200"} 3',
        'requests_total{code="304"} 1',
        'request_duration_seconds_bucket{le="2.5e-05"} 0',
        'request_duration_seconds_bucket{le="5e-05"} 4',
        'request_duration_seconds_bucket{le="+Inf"} 4',
        "request_duration_seconds_count 4",
        "connections 2",
        "workers 2",
        'set_loaded{set="auth"} 1',
        'set_stale{set="auth"} 1',
        'set_keys{set="auth"} 1',
        'set_age_seconds{set="auth"} 40',
        'loads_refused_total{set="auth"} 3',
        f'set_info{{set="auth",hash="{"ab" * 32}"}} 1',
        f'set_info{{set="auth",hash="{"cd" * 32}"}} 1',
    ):
        assert f"jwks_server_{line}\n" in text
    assert "not public" not in text


def test_the_text_keeps_to_the_format() -> None:
    sample = re.compile(r'jwks_server_[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? [-+0-9.e]+')
    declared: list[str] = []
    for line in render([snapshot(GOOD, 200), snapshot(NONE)], now=130.0).splitlines():
        if line.startswith("# TYPE "):
            declared.append(line.split()[2])
        elif not line.startswith("# HELP "):
            assert sample.fullmatch(line), line
            assert line.startswith(declared[-1])
    assert len(set(declared)) == len(declared)


def test_without_a_worker_there_are_still_metrics() -> None:
    assert "jwks_server_workers 0\n" in render([], now=1.0)


def test_ready_means_every_worker_and_every_set() -> None:
    def ready(*snapshots: Snapshot, workers: int = 1) -> tuple[int, str]:
        return build_probes(lambda: snapshots, workers)["/readyz"](True)

    assert ready(snapshot(GOOD))[0] == 200
    assert ready(snapshot(LATE)) == (
        200,
        "[+] auth: serving 1 keys, content cdcdcdcdcdcd\n[-] auth: the newest content is not served: "
        "keys[0]: not public\n",
    )
    assert ready(snapshot(NONE))[0] == 503
    assert ready(snapshot(GOOD, draining=True)) == (
        503,
        "[-] stopping\n[+] auth: serving 2 keys, content abababababab\n[+] auth: that is the newest content\n",
    )
    code, text = ready(snapshot(GOOD), workers=2)
    assert (code, text.splitlines()[0]) == (503, "[-] 1 of 2 workers are there")
    assert build_admin_pages(list, 1)["/healthz"](False) == (200, "ok\n")


@given(st.lists(st.tuples(st.sampled_from([200, 304, 404]), st.floats(0, 1)), max_size=20))
def test_a_snapshot_survives_its_journey_and_nothing_is_lost_in_the_sum(answers: list[tuple[int, float]]) -> None:
    stats = Stats()
    for code, seconds in answers:
        stats.answered(code, seconds)
    found = Snapshot(stats, (GOOD, LATE), False, 5, 1.5)
    assert Snapshot.from_json(json.loads(json.dumps(found.to_json()))) == found
    both = sum_snapshots([stats, stats])
    assert sum(both.codes.values()) == sum(both.buckets) == 2 * len(answers)
    assert len(both.buckets) == len(BUCKETS) + 1
