"""The publisher on a real API server, with the rights that the chart gives it and no other."""

import asyncio
import os
import re
import sys
from pathlib import Path

import aiohttp

from chart.test_publishers import EXAMPLE, of, rendered
from controlplane import Access
from publish.gcs import serve_gcs
from publish.world import ENVIRON
from serve.sets import EC, RSA, jwks
from serve.test_configmap import OURS

OBJECT = "keys/.well-known/jwks.json"


async def shows(bucket: str, body: bytes) -> None:
    async with asyncio.timeout(120), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{bucket}/{OBJECT}") as reply:
                if reply.status == 200 and await reply.read() == body:
                    return
            await asyncio.sleep(0.02)


async def test_the_rights_of_the_chart_are_enough(control_plane: Access, namespace: str, tmp_path: Path) -> None:
    core, rbac = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    role = of(rendered(EXAMPLE), "Role")[0]
    control_plane.api("POST", f"{core}/serviceaccounts", {"metadata": {"name": "publisher"}})
    control_plane.api("POST", f"{rbac}/roles", {"metadata": {"name": "publisher"}, "rules": role["rules"]})
    binding = {
        "metadata": {"name": "publisher"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "publisher"},
        "subjects": [{"kind": "ServiceAccount", "name": "publisher", "namespace": namespace}],
    }
    control_plane.api("POST", f"{rbac}/rolebindings", binding)
    written = {"metadata": {"name": "auth", "labels": OURS}, "data": {"jwks.json": jwks(EC).decode()}}
    control_plane.api("POST", f"{core}/configmaps", written)
    kubeconfig = control_plane.kubeconfig_for_service_account(namespace, "publisher")
    log = tmp_path / "log"
    async with serve_gcs() as bucket:
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "jwks_operator", "publish", f"--configmap={namespace}/auth", "--to=gs://keys"),
                *(f"--endpoint={bucket}", "--admin-port=0"),
                stderr=output,
                env={**os.environ, **ENVIRON, "KUBECONFIG": str(kubeconfig)},
            )
        try:
            await shows(bucket, jwks(EC))
            written["data"] = {"jwks.json": jwks(RSA).decode()}
            await asyncio.to_thread(control_plane.api, "PUT", f"{core}/configmaps/auth", written)
            await shows(bucket, jwks(RSA))
        finally:
            process.terminate()
            await process.wait()
    assert process.returncode == 0
    assert not re.search(r"ERROR|Traceback", log.read_text()), log.read_text()
