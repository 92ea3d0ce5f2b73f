"""Seen before used, on a real API server and with real servers: a pod that lags holds the rotation until it follows."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.reading import condition, in_use
from cluster.stage import Stage, figures
from demo.mount import swap
from serve.running import serving

SERVICE = "auth-jwks"
LEAD = 3.0
SPEC = {
    "keys": [{"name": "signing", "algorithm": "ES256"}],
    "rotation": {"policy": "Manual"},
    "timing": {
        "propagation": "2s",
        "cacheMaxAge": "1s",
        "verifierRefresh": "0s",
        "tokenLifetime": "3s",
        "clockSkew": "1s",
    },
    "publish": {"serviceName": SERVICE},
}


@dataclass
class Pod:
    """A server as a pod runs it, with a volume that follows only when it is told to."""

    stage: Stage
    volume: Path

    def refresh(self) -> None:
        """Show the ConfigMap as it is now."""
        data = self.stage.there("ConfigMap", "auth")["data"]
        swap(self.volume, {name: text.encode() for name, text in data.items()})


@pytest.fixture
def pods(stage: Stage, tmp_path: Path) -> Iterator[dict[str, Pod]]:
    """Two pods behind the Service, each a process of its own on the machine's own address."""
    address = _own_address()
    with ExitStack() as stack:
        made = {}
        service = {"metadata": {"name": SERVICE}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
        stage.plane.api("POST", f"/api/v1/namespaces/{stage.namespace}/services", service)
        for name in ("web-a", "web-b"):
            pod = made[name] = Pod(stage, tmp_path / name)
            swap(pod.volume, {})
            server = stack.enter_context(serving(pod.volume, f"--host={address}"))
            _announce(stage, name, address, server.port)
        yield made


def _own_address() -> str:
    """An address that a pod could have: the API server takes no loopback address for one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as chosen:
        chosen.connect(("192.0.2.1", 9))  # sends nothing
        return str(chosen.getsockname()[0])


def _announce(stage: Stage, name: str, address: str, port: int) -> None:
    """Write what the scheduler, the kubelet and the controller of the Service would."""
    plane, core = stage.plane, f"/api/v1/namespaces/{stage.namespace}"
    pod: dict[str, Any] = {
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "serve", "image": "none"}]},
    }
    made = plane.api("POST", f"{core}/pods", pod)
    made["status"] |= {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    plane.api("PUT", f"{core}/pods/{name}/status", made)
    endpoint = {
        "addresses": [address],
        "conditions": {"ready": True},
        "targetRef": {"kind": "Pod", "name": name, "namespace": stage.namespace},
    }
    labels = {"kubernetes.io/service-name": SERVICE, "endpointslice.kubernetes.io/managed-by": "tests"}
    plane.api(
        "POST",
        f"/apis/discovery.k8s.io/v1/namespaces/{stage.namespace}/endpointslices",
        {
            "metadata": {"name": name, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [endpoint],
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        },
    )


def test_a_key_is_used_one_lead_after_the_last_pod_serves_it(stage: Stage, pods: dict[str, Pod]) -> None:
    stage.create("auth", SPEC)
    stage.until_ready("auth")
    stage.create("free", {**SPEC, "publish": {}})
    stage.until_ready("free")
    first, free = _used(stage), in_use(stage.there("Secret", "free"))
    pods["web-a"].refresh()
    stage.patch("auth", {"metadata": {"annotations": {"jwks-operator.dev/rotate": f"signing@{_now()}"}}})
    stage.until(lambda: "web-b" in _degraded(stage).get("message", ""), "web-b to be named as the one that lags")
    assert _degraded(stage)["reason"] == "EndpointsLag"
    assert "web-b does not serve a set" in _degraded(stage)["message"]
    assert "web-a" not in _degraded(stage)["message"]
    stage.patch("free", {"metadata": {"annotations": {"jwks-operator.dev/rotate": f"signing@{_now()}"}}})
    stage.until(lambda: in_use(stage.there("Secret", "free")) != free, "the rotation of a set without endpoints")
    assert _used(stage) == first, "web-b serves nothing yet"
    assert "web-b does not serve a set" in stage.there("JsonWebKeySet", "auth")["status"]["next"]["message"]
    told = [s for s in stage.chronicle.sightings("Event") if s.object["reason"] == "EndpointsLag"]
    assert len(told) == 1

    begun = time.time()
    pods["web-b"].refresh()
    stage.until(lambda: _used(stage) != first, "the rotation")
    took = time.time() - begun
    figures.info(f"used {took:.1f} s after the last pod followed, of which the lead is {LEAD:.0f} s")
    assert took >= LEAD
    key = stage.until(lambda: _confirmed(stage), "its times in the status")
    assert _time(key["inUseSince"]) - _time(key["served"]) >= LEAD - 1, "times of a status are cut off at the second"


def _used(stage: Stage) -> str:
    return in_use(stage.there("Secret", "auth"))["signing"]


def _confirmed(stage: Stage) -> dict[str, Any] | None:
    keys: list[dict[str, Any]] = stage.there("JsonWebKeySet", "auth")["status"]["keys"]
    return next((key for key in keys if key["kid"] == _used(stage) and "inUseSince" in key), None)


def _degraded(stage: Stage) -> dict[str, Any]:
    return condition(stage.latest("JsonWebKeySet", "auth"), "Degraded")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
