"""The parts of the page that belong to one scenario each, from its figures."""

from collections.abc import Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]

PROCESSES = ("operator", "kube-apiserver", "etcd", "generator")

CREATION = """
## Creation

From the first `POST` until a watch told that the last set is Ready, on a fresh control plane each time. The reader is a
bare client that also reads one by one, before it writes, the {reads} objects that the operator reads: nothing that
reads before it writes can be faster. The last columns are CPU milliseconds for each set. Events, two for each set, are
posted behind the work; the column says how many were by then.

{table}
Ratios: {ratios}.
"""

ROTATION = """
## Mass rotation

{sets:,} sets with one cron schedule are due at the same second; each activates its next key and publishes the one after
that. Lateness is from the due time until a watch event shows the Secret with the next key. The last columns are CPU
milliseconds for each set. Writes of each step, as recorded: {steps} (a notice is the status that says that a request
was seen).

{table}
In the second wave keys of other sets are revoked one after another; the time is from sending the request until a watch
event shows the ConfigMap without the key.

{revoked}"""

RSA = """
## RSA-2048

{sets:,} sets of {keys_of_a_set} keys, from the first `POST` until all are Ready, beside as many keys made by {cores}
threads and nothing else. API server and etcd use the same cores. Without an operator: a client makes the keys on as
many threads, and reads and writes for each set what the operator does.

{table}"""

GROWTH = """
## As the number grows

At each size the operator is restarted and has nothing to do; it is through when it has looked at every set. Creation
is that of the sets since the size before. A resync lists the metadata of everything.

{table}
A set costs {rest_kb_a_set:.1f} kB at rest and {peak_kb_a_set:.1f} kB at the peak of a start, beside
{rest_mb_without:.0f} MB without sets (least squares). Exponents of growth (1 is linear): {powers}.

"""

RESTART = """## Restart, rest, hand-over

Restart with {sets:,} sets: ready after {ready_seconds:.1f} s, everything looked at after
{looked_at_everything_seconds:.1f} s. Revocations asked for at the start of the process had their effect after
{acted} s. {count} later ones, while it looked at everything: p50 {p50:.2f} s, max {max:.2f} s.
"""

REST = """
At rest for {seconds:.0f} s, {resyncs} resync(s) and the renewals of the Lease included: {cpu_percent:.2f} % of a core,
{rest:.0f} MB, {writes} writes sent, {changed} objects changed. The API server used {apiserver:.1f} % of a core
meanwhile, etcd {etcd:.1f} %.
"""

CHURN = """
Users at work, one request after another: {edited[count]} edits were Ready after {edited[p50]:.2f} s (p50) and
{edited[max]:.2f} s (max); as many sets that were deleted and created again went on with their keys after
{came_back[p50]:.2f} s and {came_back[max]:.2f} s.
"""

HAND_OVER = """
Hand-over: SIGTERM to the leader while keys are revoked ten times a second; seconds until the standby held the Lease,
until its first effect, and how long the revocations waited.

{table}"""


def creation_section(figures: Figures) -> str:
    """Return the part about creation."""
    sizes = {int(name): both for name, both in figures.items() if name.isdecimal()}
    rows = [
        [
            f"{size:,}",
            who,
            f"{made['seconds']:.1f}",
            f"{made['sets'] / made['seconds']:.1f}",
            f"{made['events']:,}",
            *_speed(made),
        ]
        for size, both in sizes.items()
        for who in ("operator", "bare", "reader")
        for made in both[who]
    ]
    ratios = [
        f"{size:,} sets {_listed(both['ratios'])} (reader {_listed(both['reader_ratios'])})"
        for size, both in sizes.items()
    ]
    return CREATION.format(
        reads=figures["reads"],
        table=render_table(["sets", "by", "s", "sets/s", "Events", "writes/s", *PROCESSES], rows),
        ratios="; ".join(ratios),
    )


def rotation_section(figures: Figures) -> str:
    """Return the part about mass rotation and revocations."""
    rows = [
        [who, f"{wave['seconds']:.1f}", *_late(wave), f"{wave['writes'] / wave['sets']:.2f}", *_speed(wave)]
        for name, who in (
            ("wave", "operator"),
            ("wave_with_revocations", "the same, and revocations"),
            ("bare", "bare"),
        )
        for wave in [figures[name]]
    ]
    head = ["by", "s", "late p50 s", "p99", "max", "writes a set", "writes/s", *PROCESSES]
    revoked = [
        [what, *(str(figures[name][each]) for each in ("count", "p50", "p99", "max"))]
        for what, name in (("in calm", "revoked_in_calm"), ("while all others rotate", "revoked"))
    ]
    return ROTATION.format(
        sets=figures["wave"]["sets"],
        steps=", ".join(f"{kind} {writes}" for kind, writes in figures["steps"]),
        table=render_table(head, rows),
        revoked=render_table(["revocations", "number", "p50 s", "p99 s", "max s"], revoked),
    )


def rsa_section(figures: Figures) -> str:
    """Return the part about RSA keys."""
    rows = [
        ["operator, keys/s", *(f"{rate:.1f}" for rate in figures["operator_keys_per_second"])],
        ["bare, keys/s", *(f"{rate:.1f}" for rate in figures["bare_keys_per_second"])],
        ["ratio", *(f"{ratio:.2f}" for ratio in figures["ratios"])],
        ["without an operator, keys/s", *(f"{rate:.1f}" for rate in figures["reader_keys_per_second"])],
        ["ratio", *(f"{ratio:.2f}" for ratio in figures["reader_ratios"])],
    ]
    head = ["", *(f"run {number + 1}" for number in range(len(figures["ratios"])))]
    return RSA.format(**figures, table=render_table(head, rows))


def growth_section(figures: Figures) -> str:
    """Return the part about what more sets cost."""
    rows = [
        [
            f"{start['sets']:,}",
            f"{made['cpu'] / made['created'] * 1000:.1f}",
            f"{made['servers_cpu'] / made['created'] * 1000:.1f}",
            f"{start['seconds']:.1f}",
            f"{start['cpu']:.1f}",
            f"{start['peak']:.0f}",
            f"{start['rest']:.0f}",
            f"{start['resync_cpu']:.2f}",
            f"{start['list_seconds']:.2f}",
        ]
        for made, start in zip(figures["creations"], figures["starts"], strict=True)
    ]
    head = ["sets", "creation, CPU ms a set", "API server and etcd", "start, s", "CPU s", "peak MB", "rest MB"]
    powers = "; ".join(f"{what} {found:.2f}" for what, found in figures["exponents"].items())
    return GROWTH.format(**figures, powers=powers, table=render_table([*head, "resync, CPU s", "its lists, s"], rows))


def operation_section(figures: Figures) -> str:
    """Return the part about restart, rest and hand-over."""
    restart, idle = figures["restart"], figures["idle"]
    acted = ", ".join(f"{seconds:.1f}" for seconds in restart["acted_seconds"])
    rows = [
        [f"{each['lease']:.2f}", f"{each['first_write']:.2f}", *(f"{each['waited'][p]:.2f}" for p in ("p50", "max"))]
        for each in figures["handover"]["times"]
    ]
    shares = {name: 100 * used / idle["seconds"] for name, used in idle["cpu"].items()}
    return "".join(
        (
            RESTART.format(**{**restart, **restart["revoked_meanwhile"], "acted": acted}),
            REST.format(**idle, apiserver=shares["kube-apiserver"], etcd=shares["etcd"]),
            CHURN.format(**figures["churn"]),
            HAND_OVER.format(table=render_table(["Lease", "first effect", "waited p50", "max"], rows)),
        )
    )


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def _listed(ratios: Sequence[float]) -> str:
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def _speed(made: Figures) -> list[str]:
    used = [f"{made['cpu'].get(name, 0) / made['sets'] * 1000:.1f}" for name in PROCESSES]
    return [f"{made['writes_per_second']:.0f}", *used]


def _late(wave: Figures) -> list[str]:
    return [f"{wave['lateness'][each]:.1f}" if "lateness" in wave else "" for each in ("p50", "p99", "max")]
