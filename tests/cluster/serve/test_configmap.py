"""Following one ConfigMap through the API of a real server, with the rights for that one."""

from pathlib import Path

from controlplane import Access
from serve.running import Running
from serve.sets import EC, RSA, jwks
from serve.test_configmap import OURS


def test_rights_for_that_name_are_enough(control_plane: Access, namespace: str, tmp_path: Path) -> None:
    core, rbac = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    control_plane.api("POST", f"{core}/serviceaccounts", {"metadata": {"name": "server"}})
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["auth"], "verbs": ["list", "watch"]}
    control_plane.api("POST", f"{rbac}/roles", {"metadata": {"name": "server"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "server"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "server"},
        "subjects": [{"kind": "ServiceAccount", "name": "server", "namespace": namespace}],
    }
    control_plane.api("POST", f"{rbac}/rolebindings", binding)
    written = {"metadata": {"name": "auth", "labels": OURS}, "data": {"jwks.json": jwks(EC).decode()}}
    control_plane.api("POST", f"{core}/configmaps", written)
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, "server")
    server = Running(tmp_path, f"--watch-configmap={namespace}/auth", environ={"KUBECONFIG": str(kubeconfig)})
    try:
        server.serves(jwks(EC))
        written["data"] = {"jwks.json": jwks(RSA).decode()}
        control_plane.api("PUT", f"{core}/configmaps/auth", written)
        server.serves(jwks(RSA))
        assert "Traceback" not in server.log
    finally:
        server.close()
