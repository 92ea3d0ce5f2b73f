"""Which Secrets and ConfigMaps the volumes of a pod hold."""

from collections.abc import Iterator, Mapping
from typing import Any

Source = tuple[str, str]
"""Kind and name of an object."""


def list_volume_sources(spec: Mapping[str, Any]) -> Iterator[tuple[str, list[Source]]]:
    """Yield the name of each volume of a pod and the objects that it holds, directly or projected."""
    for volume in spec.get("volumes") or ():
        parts = (volume.get("projected") or {}).get("sources") or [volume]
        yield volume["name"], [source for part in parts for source in _sources(part)]


def _sources(part: Mapping[str, Any]) -> Iterator[Source]:
    if (secret := part.get("secret")) is not None:
        yield "Secret", str(secret.get("secretName") or secret.get("name"))
    if (configmap := part.get("configMap")) is not None:
        yield "ConfigMap", str(configmap.get("name"))
