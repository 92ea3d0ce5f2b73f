"""The connection of a user to the cluster: a kubeconfig with its contexts, and requests by annotation.

The plugin never writes what the operator owns. It annotates sets, under a field manager of its own, so that
the owner of the rest of the set (GitOps) finds none of its fields changed.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

from jwks_operator.api.names import SetRef
from jwks_operator.kube.client import SETS, Call, Object, Transport
from jwks_operator.kube.errors import NotConfigured, RequestTarget, error_for
from jwks_operator.kube.transport import UNREADABLE, HttpTransport, Refresh

FIELD_MANAGER = "kubectl-jwks"
_MERGE = "application/merge-patch+json"
# The official client's functions carry no types.
_config: Any = config


@dataclass(frozen=True, slots=True)
class UserConnection:
    """An open connection to a cluster, and the namespace of its context; the caller closes the transport."""

    transport: HttpTransport
    namespace: str
    context: str


async def connect_as_user(kubeconfig: str | None = None, context: str | None = None) -> UserConnection:
    """Find the cluster as kubectl does: the kubeconfig given, else KUBECONFIG, else ~/.kube/config, else the pod's own.

    Raises NotConfigured; its message names the file, and the context if that is missing.
    """
    configuration: Any = client.Configuration()
    files = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    there = _existing(files)
    if not there:
        return _of_the_pod(configuration, files)
    if context is not None and context not in (known := _contexts(there)):
        raise NotConfigured(f"{files} has no context {context!r}; it has {', '.join(known) or 'none'}")
    loader: Any = None
    with suppress(*UNREADABLE):  # the foreign message may quote the user's entry, token included: it goes no further
        loader = await _config.load_kube_config(
            os.pathsep.join(there), context=context, client_configuration=configuration, persist_config=False
        )
    if loader is None:
        raise NotConfigured(f"{files} cannot be used; see kubectl config view, and kubectl config use-context")
    configuration.refresh_api_key_hook = Refresh(loader)
    found = loader.current_context
    return UserConnection(HttpTransport(configuration), found["context"].get("namespace") or "default", found["name"])


def _existing(files: str) -> list[str]:
    return [name for name in files.split(os.pathsep) if name and Path(name).is_file()]


def _of_the_pod(configuration: Any, files: str) -> UserConnection:
    usable = True
    try:
        _config.load_incluster_config(client_configuration=configuration)
    except UNREADABLE:
        usable = False
    if not usable:
        raise NotConfigured(f"no kubeconfig at {files}; set KUBECONFIG or give --kubeconfig")
    return UserConnection(HttpTransport(configuration), os.environ.get("POD_NAMESPACE") or "default", "(pod)")


def _contexts(files: list[str]) -> list[str]:
    try:
        contexts, _ = _config.list_kube_config_contexts(os.pathsep.join(files))
    except UNREADABLE:
        return []
    return sorted(each["name"] for each in contexts)


async def annotate_set(
    transport: Transport, ref: SetRef, version: str, annotations: Mapping[str, str | None]
) -> Object:
    """Set or remove (None) annotations of a set that was read with this resourceVersion; return it as stored.

    `Conflict` if it changed since.
    """
    body = {"metadata": {"resourceVersion": version, "annotations": dict(annotations)}}
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
    reply = await transport.request(Call("PATCH", SETS.path(ref.namespace, ref.name), query, body, content_type=_MERGE))
    if reply.status != 200 or reply.body is None:
        raise error_for(RequestTarget("PATCH", SETS.plural, ref.namespace, ref.name), reply.status, reply.body)
    return reply.body
