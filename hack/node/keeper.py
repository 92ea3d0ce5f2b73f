"""Keeps a node and cleans up after it: `python -m node.keeper DIRECTORY`; started by `node.machine`.

Standard input is a pipe that only the owner of the node holds open. It is handed to the node's PID 1, which ends with
it; this process stays outside, and when the node is gone it removes the cgroup and the directory. It holds a lock as
long as it lives, by which the next one knows what was left behind by a keeper that was killed.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from node.cgroups import remove_cgroup
from node.layout import PREFIX
from node.needs import NAMESPACES


def main() -> None:
    """Start the node, wait for its end, clean up."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    home = Path(sys.argv[1])
    _remove_abandoned()
    lock = (home / "lock.new").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (home / "lock.new").rename(home / "lock")
    init = [sys.executable, "-m", "node.init", str(home)]
    with (home / "node.log").open("ab") as log:
        process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", *init], stdout=log, stderr=log
        )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not (pid := children.read_text().split()):
        time.sleep(0.02)
    if process.returncode is None:
        (home / "init.pid.new").write_text(pid[0])
        (home / "init.pid.new").rename(home / "init.pid")
    os.close(0)  # from here on only PID 1 reads it
    if process.wait():
        print((home / "node.log").read_text(errors="replace")[-4000:], file=sys.stderr)
    clean(home)


def clean(home: Path) -> None:
    """Remove what is left of a node that has ended."""
    remove_cgroup(home.name)
    shutil.rmtree(home, ignore_errors=True)


def _remove_abandoned() -> None:
    """Remove nodes whose keeper was killed; their processes ended with their owner."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (home / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                clean(home)
        except OSError:
            continue  # about to start, or alive


if __name__ == "__main__":
    main()
