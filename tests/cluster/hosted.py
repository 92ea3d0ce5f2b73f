"""A hosted control plane that signs service account tokens with the keys of a set in its management cluster.

The set, its operator and its objects are on one control plane, kube-apiserver with the signer is another one. Between
them is what the kubelet does: each version of Secret and ConfigMap is swapped into a directory, some time later.
"""

import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.chronicle import Object
from cluster.reading import in_use, published
from cluster.stage import Stage
from cluster.traffic import Mount
from controlplane import Access, ControlPlane, ControlPlaneError
from jwks_operator.keys.members import parse_json_strict
from serve.running import until
from service_accounts.issuer import Issuer

SET = "accounts"
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
HINT = 1
MOUNTED = 0.5
LIFE = 3600
SPEC: dict[str, Any] = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"rollbackWindow": "1s"},
    "publish": {"maxKeys": 40},
    "timing": {
        "propagation": "2s",  # the swap, and the second of the signer and of kube-apiserver
        "cacheMaxAge": f"{HINT}s",
        "verifierRefresh": "0s",
        "tokenLifetime": f"{LIFE}s",
        "clockSkew": "1s",
    },
}


class Accounts:
    """What a client of an API server does with service accounts."""

    def __init__(self, access: Access) -> None:
        self.access = access

    def token(self, seconds: int = LIFE) -> str:
        """Ask for a token; raises ControlPlaneError."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        answer = self.access.api("POST", f"{ACCOUNT}/token", request | {"spec": {"expirationSeconds": seconds}})
        return str(answer["status"]["token"])

    def accepts(self, token: str) -> bool:
        """Ask whether a token is valid; raises ControlPlaneError."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer = self.access.api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", request)
        return bool(answer["status"].get("authenticated"))

    def jwks(self) -> dict[str, Object]:
        """Return the keys that the API server publishes, by kid."""
        return {key["kid"]: key for key in self.access.api("GET", "/openid/v1/jwks")["keys"]}


def kid_of(token: str) -> str:
    """Return the kid in the header of a token."""
    head = token.partition(".")[0]
    header = parse_json_strict(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    assert isinstance(header, dict)
    assert header.keys() == {"alg", "kid", "typ"} or header.keys() == {"alg", "kid"}, header
    return str(header["kid"])


class Traffic:
    """Threads that ask for tokens at one API server and check all of them at all API servers."""

    def __init__(self, issues: Accounts, *checks: Accounts) -> None:
        self.tokens: list[str] = []
        self.problems: list[object] = []
        self.checked = 0
        self.excused = 0
        self._kills = 0
        self._issues = issues
        self._checks = checks or (issues,)
        self._done = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._issue, self._check_new, self._check_old)]
        for thread in self._threads:
            thread.start()

    def go_on(self, more: int = 10) -> None:
        """Wait until more tokens were issued and checked."""
        tokens, checked = len(self.tokens), self.checked
        until(lambda: (len(self.tokens) >= tokens + more and self.checked >= checked + more) or self.problems, 240)

    @contextmanager
    def killing(self) -> Iterator[None]:
        """A request that is in flight while something is killed may fail."""
        self._kills += 1
        yield
        self._kills += 1

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def kids(self) -> list[str]:
        """Return the kids of all tokens, each once, in their order."""
        return list(dict.fromkeys(map(kid_of, list(self.tokens))))

    def _issue(self) -> None:
        while not self._done.is_set():
            self._attempt(lambda: self.tokens.append(self._issues.token()))

    def _check_new(self) -> None:
        """Check each token at once, everywhere."""
        done = 0
        while not self._done.is_set():
            for token in self.tokens[done:]:
                self._check(token)
                done += 1
            self._done.wait(0.01)

    def _check_old(self) -> None:
        """Check the first token of each kid again and again."""
        while not self._done.is_set():
            first = {kid_of(token): token for token in reversed(self.tokens)}
            for token in first.values():
                self._check(token)
            self._done.wait(0.05)

    def _check(self, token: str) -> None:
        for place in self._checks:
            accepted = self._attempt(lambda place=place: place.accepts(token))  # type: ignore[misc]
            self.checked += 1
            if accepted is False:
                self.problems.append((datetime.now(UTC), kid_of(token), place.access.url))

    def _attempt(self, request: Callable[[], bool | None]) -> bool | None:
        kills = self._kills
        try:
            return request()
        except ControlPlaneError as error:
            if kills == self._kills and kills % 2 == 0:  # odd: a kill is under way
                self.problems.append(error)
            else:
                self.excused += 1
            return None


class Hosting:
    """The set `accounts` of a stage, its mounts on this machine, and the signers over them."""

    def __init__(self, stage: Stage, place: Path) -> None:
        self.stage = stage
        self.place = place
        self._ending = ExitStack()

    def create(self, spec: Mapping[str, Any] = SPEC) -> None:
        """Create the set and wait until it is Ready."""
        self.stage.create(SET, spec)
        self.stage.until_ready(SET)

    def mount(self, name: str, seconds: float = MOUNTED) -> Path:
        """Mount Secret and ConfigMap with a delay of their own; return the directory of both."""
        place = self.place / name
        place.mkdir()
        for kind, folder in (("Secret", "private"), ("ConfigMap", "public")):
            mount = Mount(self.stage.chronicle, kind, SET, place / folder, seconds)
            mount.start()
            self._ending.callback(mount.close)
            until(lambda folder=folder: (place / folder / "..data").exists())  # type: ignore[misc]
        return place

    def signer(self, place: Path, *arguments: str) -> Issuer:
        """Start a signer over mounts."""
        issuer = Issuer(place, f"--refresh-hint={HINT}", f"--token-lifetime={LIFE}", *arguments)
        self._ending.callback(issuer.close)
        issuer.start()
        return issuer

    def plane(self, issuer: Issuer) -> ControlPlane:
        """Start a control plane whose API server signs with a signer."""
        return self.start_plane(*endpoint(issuer))

    def start_plane(self, *account_flags: str) -> ControlPlane:
        """Start a control plane that signs as the flags say; without flags by a key of its own."""
        return self._ending.enter_context(ControlPlane.start(account_flags=account_flags or None))

    def traffic(self, issues: Access, *checks: Access) -> Traffic:
        """Begin to issue and to check tokens."""
        traffic = Traffic(Accounts(issues), *map(Accounts, checks))
        self._ending.callback(traffic.end)
        return traffic

    def active(self) -> str:
        """Return the kid in use by the consumer Secret."""
        return in_use(self.stage.there("Secret", SET))["signing"]

    def rotate(self) -> str:
        """Ask for the next key; return its kid once it is in use."""
        before = self.active()
        self.annotate("rotate", f"signing@{datetime.now(UTC).isoformat()}")
        return self.stage.until(lambda: self.active() if self.active() != before else None, "the next key in use", 120)

    def annotate(self, verb: str, value: str) -> None:
        self.stage.patch(SET, {"metadata": {"annotations": {f"jwks-operator.dev/{verb}": value}}})

    def published(self) -> dict[str, Object]:
        """Return the published keys by kid."""
        return published(self.stage.there("ConfigMap", SET))

    def close(self) -> None:
        self._ending.close()


def endpoint(issuer: Issuer) -> tuple[str]:
    """Return the flag of an API server that signs with a signer."""
    return (f"--service-account-signing-endpoint={issuer.socket}",)


def key_files(place: Path) -> tuple[str, str]:
    """Return the flags of an API server that reads mounted files."""
    return (
        f"--service-account-key-file={place / 'public' / 'accounts.pem'}",
        f"--service-account-signing-key-file={place / 'private' / 'signing.pem'}",
    )


def public_numbers(keys: Mapping[str, Object]) -> dict[str, tuple[object, ...]]:
    """Return what a key is, by kid; the other members are for the taste of the publisher."""
    return {kid: tuple(key.get(name) for name in ("kty", "crv", "x", "y", "n", "e")) for kid, key in keys.items()}


@contextmanager
def hosting(stage: Stage, place: Path) -> Iterator[Hosting]:
    """Host on a stage, and end everything."""
    hosting = Hosting(stage, place)
    try:
        yield hosting
    finally:
        hosting.close()
