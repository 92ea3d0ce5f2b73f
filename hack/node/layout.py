"""Where everything of one node is: below one directory, which goes when the node goes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

PREFIX = "jwks-node-"
"""What the names of nodes begin with, and of their directories below TMPDIR."""
ADDRESS = "10.99.0.1"
"""The node's own address, inside its own network."""
SERVICES = "10.96.0.0/16"
PODS = "10.244.0.0/24"
URL = f"https://{ADDRESS}:6443"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
SANDBOX_IMAGE = "localhost/pause:node"


@dataclass(frozen=True)
class Layout:
    """What a node is made of; written for the process that becomes its PID 1.

    `plane` and `programs` are the directories of the binaries, `cni` that of the CNI plugins; `sync` is the kubelet's
    syncFrequency, by which mounted ConfigMaps and Secrets change (Kubernetes' default is 1m0s).
    """

    directory: str
    plane: str
    programs: str
    cni: str
    sync: str

    @property
    def home(self) -> Path:
        """The node's directory."""
        return Path(self.directory)

    @property
    def name(self) -> str:
        """The node's name in Kubernetes, its host name, and the name of its cgroup."""
        return self.home.name

    @property
    def pki(self) -> Path:
        """Credentials."""
        return self.home / "pki"

    @property
    def logs(self) -> Path:
        """What the node's programs say."""
        return self.home / "log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.pki / "admin.conf"

    def plane_program(self, name: str) -> str:
        """Path of a program of the control plane."""
        return f"{self.plane}/{name}"

    def node_program(self, name: str) -> str:
        """Path of a program of the node."""
        return f"{self.programs}/{name}"

    def write(self) -> None:
        """Leave it for PID 1."""
        (self.home / "layout.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, directory: str) -> "Layout":
        """Read what was left."""
        return cls(**json.loads((Path(directory) / "layout.json").read_text()))
