"""Stands in for the kubelet, since a control plane alone runs no pods: mounts an object's data into a directory.

Like the kubelet it learns of changes late and shows each one atomically. It follows the object with
`kubectl get --watch`, waits a moment of random length, and swaps.
"""

import json
import random
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from demo.mount import swap

DELAY_SECONDS = (0.2, 1.0)
"""A real kubelet takes 60 to 90 s; the overlay's `propagation` covers this one and its readers."""


class Watch:
    """Calls `seen` with each version of one object, in a thread, until it is closed.

    `target` is resource and name, `command` is kubectl with what it needs to find the namespace, `environ`
    with what it needs to find the cluster.
    """

    def __init__(
        self,
        command: list[str],
        environ: Mapping[str, str],
        target: tuple[str, str],
        seen: Callable[[Any], None],
    ) -> None:
        resource, name = target
        selector = f"--field-selector=metadata.name={name}"
        self._command = [*command, "get", resource, selector, "--watch", "--output=json"]
        self._environ = dict(environ)
        self._seen = seen
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():  # the API server ends every watch after a while
            with subprocess.Popen(
                self._command,
                env=self._environ,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the demo, which ends this in its turn
            ) as self._process:
                for found in _documents(self._process.stdout or ()):
                    self._seen(found)
            self._closed.wait(0.5)


def mount(volume: Path) -> Callable[[Any], None]:
    """Return what shows a ConfigMap or Secret in `volume` each time it is called with one."""

    def show(found: Any) -> None:
        data: dict[str, str] = found.get("data") or {}
        secret = found["kind"] == "Secret"
        time.sleep(random.uniform(*DELAY_SECONDS))  # noqa: S311  only a delay
        swap(volume, {name: b64decode(value) if secret else value.encode() for name, value in data.items()})

    return show


def _documents(lines: Iterable[str]) -> Iterator[Any]:
    """Yield the JSON objects that kubectl prints one after the other, indented, each ending in a lone brace."""
    text = ""
    for line in lines:
        text += line
        if line.rstrip() == "}":
            yield json.loads(text)
            text = ""
