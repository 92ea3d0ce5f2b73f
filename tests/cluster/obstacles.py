"""What can stand in the way of a write, what a set says of it in each phase of its life, and how a test sets it up.

The table is what `test_obstacles.py` asserts on a real API server and what docs/rotation.md shows.
"""

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from controlplane import Access
from serve.certificates import pair

NEW, LIVING, REVOKING, ROTATING = "a new set", "a set in use", "a revocation", "a rotation"
PHASES = (NEW, LIVING, REVOKING, ROTATING)
SERVICE_ACCOUNT = "operator"


@dataclass(frozen=True)
class Outcome:
    """What a set says while the obstacle is there: reasons of both conditions; `event` is the reason of its Event."""

    ready: str
    degraded: str
    event: str = ""

    def __str__(self) -> str:
        if self.degraded == "AsExpected":
            return f"`Ready`, Event `{self.event}`" if self.event else "`Ready`"
        return f"`Ready=False, {self.ready}`"


FINE = Outcome("KeysInUse", "AsExpected")
MADE_AGAIN = Outcome("KeysInUse", "AsExpected", "ObjectRepaired")
REFUSED = Outcome("WriteRefused", "WriteRefused", "WriteRefused")
HELD_BACK = Outcome("RevokedKeyRemains", "RevokedKeyRemains", "RevokedKeyRemains")
FOREIGN = Outcome("NameConflict", "NameConflict", "NameConflict")
ALWAYS_REFUSED = {NEW: REFUSED, LIVING: REFUSED, REVOKING: HELD_BACK, ROTATING: REFUSED}


@dataclass(frozen=True)
class Obstacle:
    """One thing that can stand between the operator and the ConfigMap of a set."""

    title: str
    says: str
    """What the message of the condition tells of the API server's words; empty if nothing is refused."""
    cure: str
    promised: Mapping[str, Outcome]

    def __str__(self) -> str:
        return self.title


TABLE = (
    Obstacle("the object is deleted", "", "none is needed", {**dict.fromkeys(PHASES, MADE_AGAIN), NEW: FINE}),
    Obstacle("the object is immutable", "", "none is needed", {**dict.fromkeys(PHASES, MADE_AGAIN), NEW: FINE}),
    Obstacle(
        "an object of that name belongs to another owner",
        "exists and does not belong to this set",
        "remove it, or name the objects otherwise",
        dict.fromkeys(PHASES, FOREIGN),
    ),
    Obstacle("RBAC does not let the operator write", "403 Forbidden", "grant the right again", ALWAYS_REFUSED),
    Obstacle("every write meets a conflict", "409", "stop the other writer", ALWAYS_REFUSED),
    Obstacle("a ValidatingAdmissionPolicy denies the write", "denied request", "change the policy", ALWAYS_REFUSED),
    Obstacle("the API server has too much to do", "429", "give the operator room", ALWAYS_REFUSED),
    Obstacle("an admission webhook is dead", "failed calling webhook", "repair the webhook", ALWAYS_REFUSED),
    Obstacle(
        "the quota is used up",
        "exceeded quota",
        "raise the quota",
        {NEW: REFUSED, LIVING: REFUSED, REVOKING: FINE, ROTATING: FINE},
    ),
)
DELETED, IMMUTABLE, OTHER_OWNER, RBAC, CONFLICT, POLICY, THROTTLED, DEAD_WEBHOOK, QUOTA = TABLE


# --- how the API server is made to refuse ---

RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
REASONS = {409: "Conflict", 429: "TooManyRequests"}


@dataclass(frozen=True)
class Place:
    """A namespace in which one obstacle is set up; `name` is one for objects of the whole cluster, too."""

    plane: Access
    name: str

    def make(self, stack: ExitStack, path: str, body: dict[str, Any], name: str = "obstacle") -> None:
        """Create an object, which goes when the stack is closed."""
        self.plane.api("POST", path, {**body, "metadata": {"name": name}})
        stack.callback(lambda: self.plane.api("DELETE", f"{path}/{name}"))


def take_rights(place: Place, stack: ExitStack) -> None:
    """Take the right to write ConfigMaps from the operator."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{place.name}/roles/{SERVICE_ACCOUNT}"
    role = place.plane.api("GET", path)
    whole = role["rules"]
    others = ({**rule, "resources": [each for each in rule["resources"] if each != "configmaps"]} for rule in whole)
    reading = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "delete"]}
    kept = [*(rule for rule in others if rule["resources"]), reading]
    place.plane.api("PUT", path, {**role, "rules": kept})

    def give_back() -> None:
        place.plane.api("PUT", path, {**place.plane.api("GET", path), "rules": whole})

    stack.callback(give_back)


def deny_by_policy(place: Place, stack: ExitStack) -> None:
    """Deny every write by a ValidatingAdmissionPolicy."""
    constraints = {"namespaceSelector": _only(place), "resourceRules": RULES}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": constraints,
        "validations": [{"expression": "false", "message": "ConfigMaps are frozen"}],
    }
    place.make(stack, f"{ADMISSION}/validatingadmissionpolicies", {"spec": spec}, place.name)
    binding = {"spec": {"policyName": place.name, "validationActions": ["Deny"]}}
    place.make(stack, f"{ADMISSION}/validatingadmissionpolicybindings", binding, place.name)


def kill_webhook(place: Place, stack: ExitStack) -> None:
    """Ask a webhook that nobody serves."""
    _call_webhook(place, stack, {"url": "https://127.0.0.1:9/"})


def answer(code: int) -> Callable[[Place, ExitStack], None]:
    """Return what asks a webhook that answers this code to everything."""

    def set_up(place: Place, stack: ExitStack) -> None:
        files = pair(1)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Denial)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        path = Path(stack.enter_context(TemporaryDirectory()))
        for name, content in files.items():
            (path / name).write_bytes(content)
        context.load_cert_chain(path / "tls.crt", path / "tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        bundle = b64encode(files["tls.crt"]).decode()
        url = f"https://127.0.0.1:{server.server_port}/{code}"
        _call_webhook(place, stack, {"url": url, "caBundle": bundle})

    return set_up


def use_up_quota(place: Place, stack: ExitStack) -> None:
    """Let the namespace have no more ConfigMaps than it has."""
    there = len(place.plane.api("GET", f"/api/v1/namespaces/{place.name}/configmaps")["items"])
    hard, path = {"count/configmaps": str(there)}, f"/api/v1/namespaces/{place.name}/resourcequotas"
    place.make(stack, path, {"spec": {"hard": hard}})
    quota = place.plane.api("GET", f"{path}/obstacle")
    # The control plane runs no controller that counts, so the test says what is used.
    place.plane.api("PUT", f"{path}/obstacle/status", {**quota, "status": {"hard": hard, "used": hard}})


SETUPS: Mapping[str, Callable[[Place, ExitStack], None]] = {
    RBAC.title: take_rights,
    CONFLICT.title: answer(409),
    POLICY.title: deny_by_policy,
    THROTTLED.title: answer(429),
    DEAD_WEBHOOK.title: kill_webhook,
    QUOTA.title: use_up_quota,
}


class _Denial(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code = int(urlsplit(self.path).path.strip("/"))
        status = {"code": code, "reason": REASONS[code], "message": "ask again later"}
        reply = {"uid": asked["request"]["uid"], "allowed": False, "status": status}
        body = json.dumps({**asked, "request": None, "response": reply}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Write nothing to the output of the test."""


def _call_webhook(place: Place, stack: ExitStack, config: dict[str, Any]) -> None:
    webhook = {
        "name": f"{place.name}.example.com",
        "clientConfig": config,
        "rules": RULES,
        "namespaceSelector": _only(place),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "admissionReviewVersions": ["v1"],
    }
    place.make(stack, f"{ADMISSION}/validatingwebhookconfigurations", {"webhooks": [webhook]}, place.name)


def _only(place: Place) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": place.name}}
