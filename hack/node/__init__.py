"""A real Kubernetes node on this machine for end-to-end tests: pods, Services, DNS, a kubelet with its real delays.

The control plane beside it (hack/controlplane) has no nodes; this one has. It needs root, because it makes namespaces,
and lives in them: net, mount, pid, uts and ipc of its own, so that nothing of the machine's is touched, default ports
are free, several run side by side, and one death ends it all. README.md tells the rest.
"""

from node.machine import Node
from node.needs import require

__all__ = ["Node", "require"]
