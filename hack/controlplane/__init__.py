"""A real Kubernetes control plane for development and tests: etcd, kube-apiserver, kube-controller-manager.

It needs no root, no containers and no cluster: three processes on free loopback ports, with TLS and RBAC on.
There are no nodes, so no pods run. Where the binaries come from is told in README.md beside this file.
"""

import os

if os.name != "posix":
    raise ImportError("the control plane runs on Linux and macOS; on Windows use WSL or your own cluster")

from controlplane.access import Access
from controlplane.errors import ControlPlaneError
from controlplane.plane import ControlPlane

__all__ = ["Access", "ControlPlane", "ControlPlaneError"]
