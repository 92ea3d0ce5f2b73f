"""Acting on a control plane as whoever one likes."""

import json
import time
from collections.abc import Callable
from contextlib import closing

from attack.objects import HERE, SECRETLY, plain_object
from cluster.chronicle import Object
from cluster.versions import connect
from controlplane import Access
from helmchart import render as chart

OPERATOR = f"system:serviceaccount:{chart.NAMESPACE}:{chart.ACCOUNT}"
MASTERS = "system:masters"
RESTORERS = ("admin", (MASTERS, "jwks-operator:restore"))
ADMIN = ("admin", (MASTERS,))

Who = tuple[str, tuple[str, ...]]

EVENT = plain_object(
    "Event",
    "v1",
    "auth.1",
    involvedObject={
        "kind": "JsonWebKeySet",
        "apiVersion": "jwks-operator.dev/v1beta1",
        "name": "auth",
        "namespace": HERE,
    },
)


class Cluster:
    """A control plane on which one acts as whoever one likes; the account of the operator has every right there is."""

    def __init__(self, plane: Access) -> None:
        self._plane = plane
        self._served: dict[str, list[Object]] = {}

    def does(self, who: Who, *arguments: str, thing: Object | None = None, namespace: str = HERE) -> str:
        """Return what kubectl says on standard error; empty if it went well."""
        name, groups = who
        as_whom = [f"--as={name}", *(f"--as-group={group}" for group in groups)]
        source = ["--filename=-"] if thing else []
        content = json.dumps(thing) if thing else None
        done = self._plane.kubectl(*as_whom, f"--namespace={namespace}", *arguments, *source, input=content)
        assert SECRETLY not in done.stderr
        return done.stderr if done.returncode else ""

    def sends(self, who: Who, method: str, path: str, thing: Object | None = None) -> Object:
        """Send one request without kubectl, which is slow; return the object, or the Status of a refusal."""
        name, groups = who
        content = json.dumps(thing).encode() if thing else b""
        with closing(connect(self._plane)) as connection:
            connection.putrequest(method, path)
            connection.putheader("Authorization", f"Bearer {self._plane.admin_token}")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(content)))
            connection.putheader("Impersonate-User", name)
            for group in groups:
                connection.putheader("Impersonate-Group", group)
            connection.endheaders(content)
            answer: Object = json.load(connection.getresponse())
        return answer

    def creates(self, who: Who, thing: Object, namespace: str = HERE, *, dry: bool = True) -> str:
        """Create an object, by default as a dry run; return the message of a refusal, empty if it went well."""
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry else "")
        answer = self.sends(who, "POST", self.path(thing, namespace) + query, thing)
        said = str(answer["message"]) if answer["kind"] == "Status" else ""
        assert SECRETLY not in said
        return said

    def path(self, thing: Object, namespace: str) -> str:
        """Return where objects of the kind are, as the API server tells."""
        version, kind = thing["apiVersion"], thing["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if root not in self._served:
            self._served[root] = self._plane.api("GET", root)["resources"]
        served = next(each for each in self._served[root] if each["kind"] == kind and "/" not in each["name"])
        return f"{root}/namespaces/{namespace}/{served['name']}" if served["namespaced"] else f"{root}/{served['name']}"

    def reads(self, what: str, path: str, namespace: str = HERE) -> str:
        """Return one field of an object."""
        done = self._plane.kubectl(f"--namespace={namespace}", "get", what, f"--output=jsonpath={path}")
        assert done.returncode == 0, done.stderr
        return str(done.stdout)


def until(check: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end, "the policies are not in force"
        time.sleep(0.2)
