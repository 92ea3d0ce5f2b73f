"""What will happen and how long it takes, told before it happens."""

import os
from collections.abc import Iterator

from controlplane.binaries import build_directory, look_up

MACHINE = "on a machine with 2 cores"


def describe_plan(*, own_cluster: bool, rotations: int | None) -> Iterator[str]:
    """Yield the lines of the plan; `rotations` is after how many it ends, None if it does not."""
    yield f"what happens now, and how long it takes {MACHINE}:"
    steps = [] if own_cluster else list(_control_plane())
    steps += [
        (
            f"install {'CRD and rights in one namespace' if own_cluster else 'manifests/install.yaml'}, "
            "start the operator",
            "5 s",
        ),
        ("make the set of examples/quickstart.yaml; sign and verify tokens with it", "5 s"),
        ("replace its key every 8 s", "until Ctrl-C" if rotations is None else f"{rotations} rotations, 45 s"),
    ]
    for number, (what, long) in enumerate(steps, 1):
        yield f"  {number}. {what}  ({long})"
    yield "  At the end everything is taken down again."


def _control_plane() -> Iterator[tuple[str, str]]:
    cached = build_directory()
    if look_up(os.environ, cached).within(cached) and not cached.is_dir():
        yield f"build etcd and the Kubernetes API server from source into {cached.parent}", "once, about 6 minutes"
    yield "start them on free ports of this machine", "5 s"
