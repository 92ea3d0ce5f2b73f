"""`helm test`: makes a JsonWebKeySet, waits until it is Ready and published, and deletes it. Standard library only."""

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NAMESPACE, NAME = os.environ["SET_NAMESPACE"], os.environ["SET_NAME"]
SETS = f"/apis/jwks-operator.dev/v1beta1/namespaces/{NAMESPACE}/jsonwebkeysets"
BODY = {
    "apiVersion": "jwks-operator.dev/v1beta1",
    "kind": "JsonWebKeySet",
    "metadata": {"name": NAME},
    "spec": {"keys": [{"name": "signing", "algorithm": "ES256"}]},
}
PATIENCE = 60.0  # seconds


def ask(method: str, path: str, body: dict[str, object] | None = None) -> dict[str, dict[str, object]]:
    """Send one request to the API server and return the answer."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    address = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}"
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers, method=method)
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=10, context=trust) as reply:  # noqa: S310  always https
        answer: dict[str, dict[str, object]] = json.load(reply)
        return answer


def is_ready() -> bool:
    """Whether the set says so, of itself as it is now."""
    the_set = ask("GET", f"{SETS}/{NAME}")
    conditions = the_set.get("status", {}).get("conditions")
    print("conditions:", json.dumps(conditions), flush=True)
    return isinstance(conditions, list) and any(
        each["type"] == "Ready" and each["status"] == "True" for each in conditions
    )


def main() -> None:
    """Do it; an exception is a failed test."""
    try:
        ask("POST", SETS, BODY)
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise SystemExit(f"the set was refused: {error.read().decode()}") from None
    try:
        end = time.monotonic() + PATIENCE
        while not is_ready():
            if time.monotonic() > end:
                raise SystemExit(f"the set {NAMESPACE}/{NAME} was not Ready within {PATIENCE:.0f} s")
            time.sleep(1)
        published = ask("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}")
        keys = json.loads(str(published["data"]["jwks.json"]))["keys"]
        print(f"published: {len(keys)} keys", flush=True)
        if not keys or any("d" in key for key in keys):
            raise SystemExit("what is published is not a set of public keys")
    finally:
        ask("DELETE", f"{SETS}/{NAME}")


main()
