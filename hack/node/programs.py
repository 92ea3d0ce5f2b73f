"""The programs that make up the node: their files and their command lines.

What is unusual here has to do with where it runs. A container's root often lacks CAP_SYS_RESOURCE, so nothing lowers
its own score with the out-of-memory killer (`restrict_oom_score_adj`, `oomScoreAdj: 0`); cgroup v1 is accepted; the
API server reaches the kubelet by address, because no DNS knows the node's name.
"""

import json
from pathlib import Path
from typing import Any

from node.credentials import kubeconfig_path
from node.layout import ADDRESS, CONTAINERD_SOCKET, PODS, SANDBOX_IMAGE, SERVICES, Layout

ETCD = "http://127.0.0.1:2379"
PEER = "http://127.0.0.1:2380"
ISSUER = "https://kubernetes.default.svc.cluster.local"


def write_files(layout: Layout, snapshotter: str) -> None:
    """Write the programs' configuration below the node's directory."""
    home = layout.home
    (home / "cni").mkdir()
    (home / "cni" / "10-bridge.conflist").write_text(json.dumps(_network()))
    (home / "containerd.toml").write_text(_containerd(layout, snapshotter))
    (home / "Corefile").write_text(
        f".:53 {{\n  bind {ADDRESS}\n  errors\n  kubernetes cluster.local {{\n"
        f"    kubeconfig {kubeconfig_path(layout, 'coredns')}\n  }}\n  cache 5\n}}\n"
    )
    (home / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
    (home / "kubelet.json").write_text(json.dumps(_kubelet(layout)))
    (home / "proxy.json").write_text(json.dumps(_proxy(layout)))


def command_lines(layout: Layout) -> dict[str, list[str]]:
    """Command line of each program by its name, in the order of their start."""
    home, pki = layout.home, layout.pki
    return {
        "containerd": [layout.node_program("containerd"), f"--config={home}/containerd.toml"],
        "etcd": [
            layout.plane_program("etcd"),
            f"--data-dir={home}/etcd",
            f"--listen-client-urls={ETCD}",
            f"--advertise-client-urls={ETCD}",
            f"--listen-peer-urls={PEER}",
            f"--initial-advertise-peer-urls={PEER}",
            f"--initial-cluster=default={PEER}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "kube-apiserver": [
            layout.plane_program("kube-apiserver"),
            f"--etcd-servers={ETCD}",
            f"--cert-dir={pki}",
            f"--advertise-address={ADDRESS}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--token-auth-file={pki}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--kubelet-preferred-address-types=InternalIP",
            "--shutdown-watch-termination-grace-period=1s",  # without it, open watches hold up its end
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={pki}/sa.pub",
            f"--service-account-signing-key-file={pki}/sa.key",
        ],
        "kube-controller-manager": [
            layout.plane_program("kube-controller-manager"),
            f"--kubeconfig={kubeconfig_path(layout, 'controller-manager')}",
            f"--service-account-private-key-file={pki}/sa.key",
            f"--root-ca-file={pki}/apiserver.crt",
            "--use-service-account-credentials",
            "--leader-elect=false",
        ],
        "kube-scheduler": [
            layout.node_program("kube-scheduler"),
            f"--kubeconfig={kubeconfig_path(layout, 'scheduler')}",
            "--leader-elect=false",
        ],
        "coredns": [layout.node_program("coredns"), "-conf", f"{home}/Corefile"],
        "kubelet": [
            layout.node_program("kubelet"),
            f"--config={home}/kubelet.json",
            f"--kubeconfig={kubeconfig_path(layout, 'kubelet')}",
            f"--hostname-override={layout.name}",
            f"--node-ip={ADDRESS}",
            f"--node-labels=topology.kubernetes.io/zone={layout.name}",
        ],
        "kube-proxy": [
            layout.node_program("kube-proxy"),
            f"--config={home}/proxy.json",
            f"--hostname-override={layout.name}",
        ],
    }


def _network() -> dict[str, Any]:
    return {
        "cniVersion": "1.0.0",
        "name": "node",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-ipam",
                    "ranges": [[{"subnet": PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def _containerd(layout: Layout, snapshotter: str) -> str:
    return f"""\
version = 3
root = "{layout.directory}/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "{snapshotter}"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{SANDBOX_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{layout.cni}"]
  conf_dir = "{layout.directory}/cni"
"""


def _kubelet(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Its port can be reached by nobody outside of the node's own network.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.name}",
        "clusterDNS": [ADDRESS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        # The machine's disk is not this node's to judge.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        "resolvConf": f"{layout.directory}/resolv.conf",
        "syncFrequency": layout.sync,
    }


def _proxy(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig_path(layout, "proxy"))},
        "clusterCIDR": PODS,
        "oomScoreAdj": 0,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def certificate_path(layout: Layout) -> Path:
    """The API server's certificate, which it makes itself and everybody else waits for."""
    return layout.pki / "apiserver.crt"
