"""The operator as a process of its own, as it runs in production."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

BINARY = str(Path(sys.executable).with_name("jwks-operator"))
STOP_SECONDS = 60.0
_PORT = re.compile(r"probes and metrics on port (\d+)")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Operator:
    """`jwks-operator run`; `printed` is everything that it ever wrote, over all its lives."""

    def __init__(self, kubeconfig: Path, log: Path, *options: str) -> None:
        self._log = log
        self._command = [BINARY, "run", "--admin-port=0", "--log-format=text", "--log-level=debug", *options]
        self._environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._environ.pop("KUBERNETES_SERVICE_HOST", None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def stop(self) -> int:
        """End it as the kubelet does; return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it as a debugger, or a machine that hangs, does."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of its present life."""
        assert self._process is not None
        return self._process.pid

    @property
    def printed(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def health(self, path: str = "/healthz") -> str:
        """What a probe of its present life says."""
        ports = _PORT.findall(self.printed)
        if not ports:
            return "not started"
        try:
            with _DIRECT.open(f"http://127.0.0.1:{ports[-1]}{path}", timeout=5) as answer:
                return str(answer.read().decode().strip())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode().strip()
        except OSError as error:
            return str(error)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._send(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
