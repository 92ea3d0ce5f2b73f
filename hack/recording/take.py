"""Takes the recording: a set in a hurry, a rotation, and what `kubectl jwks status` prints meanwhile."""

import json
import os
import re
import subprocess
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path

from controlplane import ControlPlane, ControlPlaneError
from controlplane.processes import Group
from demo.cluster import NAMESPACE, install_chart, start_operator
from generated import ROOT
from jwks_operator.plugin.exit_codes import Exit
from jwks_operator.plugin.plugin_command import run

FILE = ROOT / "docs" / "recording.json"
EXAMPLE = ROOT / "examples" / "hurry.yaml"
COLOURS = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
SECONDS = 44.0
"""Longer than the retention of the example: the former key is gone at the end."""
STILL = 6.0
"""Seconds after which the same states are shown again, with the bars further on."""


@dataclass(frozen=True)
class Frame:
    """What a command printed, so many seconds after the first one; `text` has the colours of a terminal."""

    at: float
    command: str
    text: str


def take_recording() -> list[Frame]:
    """Rotate a set on a control plane of its own and return a frame whenever something has changed."""
    with ControlPlane.start() as plane, tempfile.TemporaryDirectory() as directory:
        install_chart(plane)
        group = Group(Path(directory))
        operator = start_operator(plane, group, Path(directory) / "operator.log")
        try:
            _done(plane.kubectl("apply", f"--namespace={NAMESPACE}", f"--filename={EXAMPLE}"))
            ready = ("--for=condition=Ready", "--timeout=60s")
            _done(plane.kubectl("wait", f"--namespace={NAMESPACE}", "jwks/hurry", *ready))
            return _record(plane)
        finally:
            operator.stop()
            group.close()


def _record(plane: ControlPlane) -> list[Frame]:
    time.sleep(14)  # until the successor may be used at once: what is shown is the switch, not the wait
    started = time.monotonic()
    frames = [_run(plane, started, "status", "hurry"), _run(plane, started, "rotate", "hurry", "--yes")]
    while time.monotonic() - started < SECONDS:
        frame = _run(plane, started, "status", "hurry")
        if states_of(frame) != states_of(frames[-1]) or frame.at - frames[-1].at > STILL:
            frames.append(frame)
        time.sleep(0.2)
    return frames


def states_of(frame: Frame) -> list[str]:
    """Return the states that are shown, in order."""
    return re.findall(r"\b(Pending|Active|Retired)\b", frame.text)


def _run(plane: ControlPlane, started: float, *arguments: str) -> Frame:
    """Run a command of the plugin in this process, so that no second goes by with starting it."""
    at, printed = time.monotonic() - started, StringIO()
    with redirect_stdout(printed):
        code = run([*arguments, f"--namespace={NAMESPACE}", f"--kubeconfig={plane.kubeconfig}"])
    if code != Exit.DONE:
        raise ControlPlaneError(f"kubectl jwks {arguments[0]} ended with {code}: {printed.getvalue()}")
    return Frame(round(at, 1), f"kubectl jwks {' '.join(arguments)}", printed.getvalue())


def _done(done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode:
        raise ControlPlaneError(done.stderr.strip())


def write_frames(frames: list[Frame]) -> None:
    """Keep a recording."""
    FILE.write_text(json.dumps({"frames": [asdict(each) for each in frames]}, indent=2, ensure_ascii=False) + "\n")


def read_frames() -> list[Frame]:
    """Return the recording that was kept."""
    return [Frame(**each) for each in json.loads(FILE.read_text())["frames"]]


if __name__ == "__main__":
    os.environ.update(COLOURS)
    write_frames(take_recording())
