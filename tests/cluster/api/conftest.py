import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane import Access
from jwks_operator.api.names import GROUP, PLURAL

CRDS = Path(__file__).parents[3] / "crds"
Body = dict[str, Any]
Ask = Callable[..., Body]
"""`ask(method, path, body)` returns what the API server answers, be it the object or the Status of a refusal."""


@pytest.fixture(scope="session")
def crd(control_plane: Access) -> str:
    """The definition as committed, installed and established; the plural name of its objects."""
    commands = (
        ("apply", "--server-side", "--force-conflicts", "-f", str(CRDS)),
        ("wait", "--for=condition=Established", f"crd/{PLURAL}.{GROUP}", "--timeout=30s"),
    )
    for command in commands:
        done = control_plane.kubectl(*command)
        assert done.returncode == 0, done.stderr
    return PLURAL


@pytest.fixture(scope="session")
def ask(control_plane: Access) -> Ask:
    """Requests whose refusals are read in full: a Status lists every broken field, an error message does not."""
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(control_plane.ca_file)))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), secure)
    headers = {"Authorization": f"Bearer {control_plane.admin_token}", "Content-Type": "application/json"}

    def send(method: str, path: str, body: Body | None = None) -> Body:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(control_plane.url + path, data, headers, method=method)
        try:
            with opener.open(request, timeout=30) as reply:
                answer: Body = json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                answer = json.load(error)
        return answer

    return send
