"""Ends the servers when the process that started them dies, even by SIGKILL; run by `processes.Group`.

The watcher leads the servers' process group and reads a pipe that only their owner holds open for writing. If the
pipe ends without a word, the owner is dead: the group is killed and the directory removed. At a word from the
owner, who has done both in order, the watcher just goes.
"""

import os
import shutil
import signal
import sys
import time


def main() -> None:
    """Wait for the owner's end, then clean up after it."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    if sys.stdin.buffer.read():
        return
    group = os.getpgrp()
    if os.fork():
        signal.pause()  # the child's kill ends this process too
    os.setpgid(0, 0)
    os.killpg(group, signal.SIGKILL)
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


main()
