"""Where a command looks: cluster and namespace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Cluster and namespace of the command line; None means that of the kubeconfig."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
