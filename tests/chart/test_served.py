"""What helm is told of an API server is what that server says."""

from typing import Any

from helmchart.served import WITH_INJECTION, ask_server


class Server:
    """An API server of a version that serves these kinds."""

    def __init__(self, version: str, *kinds: str) -> None:
        self._answers: dict[str, dict[str, Any]] = {
            "/version": {"gitVersion": version},
            "/apis/admissionregistration.k8s.io/v1": {"resources": [{"kind": kind} for kind in kinds]},
        }

    def api(self, method: str, path: str) -> dict[str, Any]:
        assert method == "GET"
        return self._answers[path]


def test_a_server_without_the_kind_gets_none() -> None:
    assert ask_server(Server("v1.34.4", "ValidatingAdmissionPolicy")) == ("--kube-version=v1.34.4",)


def test_a_server_that_serves_the_kind_is_asked_and_not_judged_by_its_version() -> None:
    server = Server("v1.34.4", "MutatingAdmissionPolicy")
    assert ask_server(server) == ("--kube-version=v1.34.4", WITH_INJECTION)
