"""Verifiers in Go and Java: processes with several libraries each, and every library with a living cache.

Go's come from its module proxy by the committed sums, Java's from Maven Central by pinned versions; both are built once
into the user's cache, under a name made from their sources. Java needs a JDK and Maven on PATH.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from controlplane.binaries import cache_root
from controlplane.build import build_once, compile_go

GO = Path(__file__).parent / "go"
JAVA = Path(__file__).parent / "java"
OAUTH2_PROXY = Path(__file__).parent / "oauth2proxy"
GATEWAY_CONFIGS = Path(__file__).parent / "gatewayconfigs"
OAUTH2_PROXY_PACKAGE = "github.com/oauth2-proxy/oauth2-proxy/v7"
GO_LIBRARIES = ("go-oidc", "go-jose", "keyfunc", "jwx")
JAVA_LIBRARIES = ("nimbus", "spring", "jose4j")
ROOM = 200 * 2**20
"""Bytes that a build needs."""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
ERRORS_SHOWN = 2000


class Verifiers:
    """A process that answers one line for each line, as a context manager; not for several threads at once."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def verify(self, library: str, jwks_uri: str, token: str) -> str | None:
        """Return None if the token verifies with the keys at `jwks_uri`, otherwise the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"library": library, "jwksUri": jwks_uri, "token": token}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the verifiers ended with code {self._process.wait()}")
        answer = json.loads(line)
        return None if answer["ok"] else str(answer["error"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def start_go(refresh_seconds: float) -> Verifiers:
    """Start the Go verifiers; those that fetch by time do so every `refresh_seconds`."""
    return Verifiers([str(build_go() / "go"), f"{refresh_seconds}s"])


def start_java(refresh_seconds: float) -> Verifiers:
    """Start the Java verifiers; caches with a time of their own keep a set for `refresh_seconds`."""
    classes = build_java()
    return Verifiers(["java", "-cp", class_path(classes), "Verifiers", str(int(refresh_seconds * 1000))])


def build_go() -> Path:
    """Return the directory with the compiled verifiers."""
    built = _place("go", (GO / "go.sum", GO / "main.go"))
    if not built.is_dir():
        build_once(built, ROOM, lambda result: compile_go(GO, [], ["."], result))
    return built


def build_oauth2_proxy() -> Path:
    """Return the compiled oauth2-proxy."""
    built = _place("oauth2-proxy", (OAUTH2_PROXY / "go.sum",))
    if not built.is_dir():
        build_once(built, ROOM, lambda result: compile_go(OAUTH2_PROXY, [], [OAUTH2_PROXY_PACKAGE], result))
    (binary,) = built.iterdir()
    return binary


def build_gateway_configs() -> Path:
    """Return the program that reads manifests of Envoy Gateway and Istio by their own types."""
    built = _place("gatewayconfigs", (GATEWAY_CONFIGS / "go.sum", GATEWAY_CONFIGS / "main.go"))
    if not built.is_dir():
        build_once(built, ROOM, lambda result: compile_go(GATEWAY_CONFIGS, [], ["."], result))
    return built / "gatewayconfigs"


def has_java() -> bool:
    """Tell whether this machine has what the Java verifiers are built with."""
    return all(shutil.which(tool) for tool in ("java", "javac", "mvn"))


def build_java(*more: Path) -> Path:
    """Return the directory with the libraries and the compiled classes of the verifiers and of other sources."""
    sources = (JAVA / "Verifiers.java", *more)
    built = _place("java", (JAVA / "pom.xml", *sources))
    if not built.is_dir():
        build_once(built, ROOM, lambda result: _compile_java(result, sources))
    return built


def class_path(built: Path) -> str:
    """Return the class path of what `build_java` has built."""
    return f"{built}{os.pathsep}{built}/*"


def _compile_java(result: Path, sources: Sequence[Path]) -> None:
    copy = ["mvn", "-q", "-B", "-f", str(JAVA / "pom.xml"), _COPY, f"-DoutputDirectory={result}"]
    compiler = ["javac", "-cp", f"{result}/*", "-d", str(result), *map(str, sources)]
    for command in (copy, compiler):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-ERRORS_SHOWN:]}")


def _place(name: str, sources: Sequence[Path]) -> Path:
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    return cache_root(os.environ).parent / "verifiers" / f"{name}-{digest}"
