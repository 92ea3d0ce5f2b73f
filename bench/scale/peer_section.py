"""The part of the page about peers."""

from collections.abc import Mapping
from typing import Any

from scale.sections import render_table

PROCESSES = ("operator", "kube-apiserver", "etcd", "generator")

PEER = """
## Beside cert-manager

{objects:,} Certificates of cert-manager {version}, self-signed with a P-256 key, and as many sets with one ES256 key,
from the first `POST` until the last one is Ready, in turns, each time on a fresh control plane. Both run as the
administrator, without leader election, with their own defaults. cert-manager's are 5 workers for each of its
controllers and no limit of its own on requests, since the API server has priority and fairness; against one that has
not, and in versions before that, it sends 20 a second. Its command is no module that can be required: a `main` of ours
(`bench/peers/certmanager`) starts its controllers, only those with work here, which is to its advantage; the webhook
does not run.

They do not do the same. cert-manager makes a CertificateRequest for each key, has it approved and signed, and keeps its
private key in a Secret of its own meanwhile: that is what lets any issuer sign. We publish the public key, and keep a
record of what was begun, so that a crash loses nothing. Writes are those that the API server counts until all is quiet,
without the `POST` of users and without Events. Those that met a conflict (409) are among them: cert-manager's
controllers write one status, each from its own cache, and one that meets a conflict tries again after a second or more,
so that its time is not only work. The last columns are CPU milliseconds for each object.

{table}
Requests for each object, as the API server counts them:

{requests}"""


def peer_section(figures: Mapping[str, Any]) -> str:
    """Return the part about peers, or why there is none."""
    if "missing" in figures:
        return f"\n## Beside cert-manager\n\nNot measured: it could not be built. {figures['missing']}\n"
    sides = [(who, side) for who, runs in figures["sides"].items() for side in runs]
    head = ["by", "s", "Ready/s", "writes each", "conflicts", "writes/s", "MB", "most MB", *PROCESSES]
    asked = [
        [who, ", ".join(f"{what} {count / runs[-1]['objects']:.2f}" for what, count in runs[-1]["requests"].items())]
        for who, runs in figures["sides"].items()
    ]
    return PEER.format(
        version=figures["version"],
        objects=sides[0][1]["objects"],
        table=render_table(head, [_row(who, side) for who, side in sides]),
        requests=render_table(["by", "requests, those of users included"], asked),
    )


def _row(who: str, side: Mapping[str, Any]) -> list[str]:
    objects, seconds = side["objects"], side["seconds"]
    writes = sum(count for what, count in side["requests"].items() if not what.endswith(" events"))
    memory = side["megabytes"]
    return [
        who,
        f"{seconds:.1f}",
        f"{objects / seconds:.1f}",
        f"{writes / objects - 1:.2f}",
        f"{side['conflicts']:,}",
        f"{writes / seconds:.0f}",
        *([f"{memory['now']:.0f}", f"{memory['peak']:.0f}"] if memory else ["", ""]),
        *(f"{side['cpu'].get(name, 0) / objects * 1000:.1f}" for name in PROCESSES),
    ]
