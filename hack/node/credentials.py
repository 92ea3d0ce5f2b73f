"""Who may speak to the node's API server: static tokens, a kubeconfig for each program, a service-account key pair."""

import secrets
from pathlib import Path

from controlplane.credentials import MANAGER, write_key_pair, write_kubeconfig, write_private
from node.layout import URL, Layout


def write_credentials(layout: Layout) -> None:
    """Write everything below `pki`; the API server adds its own certificate when it starts."""
    layout.pki.mkdir(mode=0o700)
    write_key_pair(layout.pki / "sa.key", layout.pki / "sa.pub")
    groups = {
        "admin": ("admin", "system:masters"),
        "controller-manager": (MANAGER, ""),
        "scheduler": ("system:kube-scheduler", ""),
        "proxy": ("system:kube-proxy", ""),
        "kubelet": (f"system:node:{layout.name}", "system:nodes"),
        "coredns": ("coredns", "system:masters"),
    }
    rows = []
    for file, (user, group) in groups.items():
        token = secrets.token_hex(16)
        rows.append(f'{token},{user},{user},"{group}"\n')
        write_kubeconfig(kubeconfig_path(layout, file), URL, layout.pki / "apiserver.crt", token)
    write_private(layout.pki / "tokens.csv", "".join(rows))


def kubeconfig_path(layout: Layout, program: str) -> Path:
    """Where the kubeconfig of a program is."""
    return layout.pki / f"{program}.conf"
