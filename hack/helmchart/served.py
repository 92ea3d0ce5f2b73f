"""Tells helm what an API server serves, as `helm install` asks it itself."""

from typing import Any, Protocol

GROUP = "admissionregistration.k8s.io/v1"
INJECTING = "MutatingAdmissionPolicy"
"""The kind of GROUP that gives pods their sidecars; the only one of the chart that older servers lack."""
WITH_INJECTION = f"--api-versions={GROUP}/{INJECTING}"


class Server(Protocol):
    """An API server that can be asked."""

    def api(self, method: str, path: str) -> dict[str, Any]:
        """Send one request; raise ApiError for a refusal."""


def ask_server(server: Server) -> tuple[str, ...]:
    """Return the options of `helm template` for this API server: its version, and the kind if it serves it."""
    version = server.api("GET", "/version")["gitVersion"]
    return (f"--kube-version={version}", *([WITH_INJECTION] if serves_injection(server) else []))


def serves_injection(server: Server) -> bool:
    """Whether the API server serves MutatingAdmissionPolicies."""
    return INJECTING in {each["kind"] for each in server.api("GET", f"/apis/{GROUP}")["resources"]}
