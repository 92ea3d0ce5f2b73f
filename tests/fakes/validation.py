"""What the API server refuses: shape (400), content (422) and size (413) of what is written."""

import base64
import binascii
import copy
import re
from typing import Any

from fakes import structural
from fakes.kinds import Kind
from fakes.status import bad_request, invalid, too_large, untyped
from jwks_operator.kube.client import CONFIGMAPS, EVENTS, LEASES, SECRETS, Object

BODY_MAX = 3 * 1024 * 1024
DATA_MAX = 1024 * 1024
ANNOTATIONS_MAX = 256 * 1024

_META_FIELDS = {
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "labels",
    "annotations", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
    "finalizers", "managedFields",
}  # fmt: skip
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")

Causes = list[tuple[str, str]]


def decode(kind: Kind, body: Any, namespace: str | None, *, strict: bool) -> Object:
    """Take a request's object in, as the decoder does; if not `strict` it drops unknown fields."""
    resource = kind.resource
    if not isinstance(body, dict) or not isinstance(body.setdefault("metadata", {}), dict):
        raise bad_request("the body is not an object with metadata")
    if (body.get("kind"), body.get("apiVersion")) != (resource.kind, resource.api_version):
        raise bad_request(f"no kind {body.get('kind')!r} in {body.get('apiVersion')!r} is expected here")
    meta = body["metadata"]
    if meta.setdefault("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace of the request")
    if namespace is None:
        del meta["namespace"]
    if strict and (strange := _unknown(kind, body)):
        raise bad_request("strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in strange))
    body["metadata"] = {key: value for key, value in meta.items() if key in _META_FIELDS}
    if kind.schema is not None:
        pruned: Object = structural.prune(body, kind.schema)
        return pruned
    known = {key: value for key, value in body.items() if key in kind.fields}
    _decode_data(kind, known)
    return known


def decode_apply(kind: Kind, body: Any, namespace: str | None) -> Object:
    """Take a server-side apply in. Whatever the schema does not know is an error, asked for strictly or not."""
    sent = copy.deepcopy(body)
    decoded = decode(kind, body, namespace, strict=False)
    wrong = structural.validate(sent, kind.schema) if kind.schema is not None else []
    strange = _unknown(kind, sent) + [path for path, text in wrong if text.startswith(structural.MISTYPED)]
    if strange:
        raise untyped(f".{strange[0]}: not as declared in the schema")
    return decoded


def _unknown(kind: Kind, body: Object) -> list[str]:
    strange = [f"metadata.{key}" for key in body["metadata"] if key not in _META_FIELDS]
    if kind.schema is not None:
        return strange + list(structural.unknown(body, kind.schema))
    return strange + [key for key in body if key not in kind.fields]


def _decode_data(kind: Kind, body: Object) -> None:
    what = f'{kind.resource.kind} in version "v1" cannot be handled as a {kind.resource.kind}'
    for part in ("data", "stringData", "binaryData"):
        values = body.get(part) if part in kind.fields else None
        if values is None:
            body.pop(part, None)
            continue
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise bad_request(f"{what}: json: cannot unmarshal into Go struct field .{part} of type string")
        if part == "binaryData" or (part == "data" and kind.resource == SECRETS):
            for value in values.values():
                _bytes(value, what)
    if kind.resource == SECRETS:
        for key, text in (body.pop("stringData", None) or {}).items():
            body.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _bytes(value: str, what: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise bad_request(f"{what}: illegal base64 data at input byte 0") from None


def default(kind: Kind, obj: Object) -> Object:
    """Fill in what the object leaves open."""
    if kind.resource == SECRETS:
        obj.setdefault("type", "Opaque")
    if kind.schema is not None:
        filled: Object = structural.default(obj, kind.schema)
        return filled
    return obj


def check_size(body: str) -> None:
    """Refuse a request body that is larger than the server reads."""
    if len(body) > BODY_MAX:
        raise too_large(f"Request entity too large: limit is {BODY_MAX}")


def validate(kind: Kind, obj: Object, before: Object | None) -> None:
    """Raise 422 if the object may not be stored in the place of `before` (None: created)."""
    causes = _metadata(obj["metadata"])
    if kind.resource in {SECRETS, CONFIGMAPS}:
        causes += _data(kind, obj) + (_frozen(obj, before) if before else [])
    if kind.resource == EVENTS:
        causes += _event(obj)
    if kind.resource == LEASES and obj.get("spec", {}).get("leaseDurationSeconds", 1) < 1:
        causes.append(("spec.leaseDurationSeconds", "Invalid value: must be greater than 0"))
    if kind.schema is not None:
        causes += structural.validate(obj, kind.schema)
    if causes:
        raise invalid(kind.resource, obj["metadata"]["name"], causes)


def _metadata(meta: Object) -> Causes:
    causes: Causes = []
    if not _SUBDOMAIN.fullmatch(meta["name"]) or len(meta["name"]) > 253:
        causes.append(("metadata.name", "Invalid value: a lowercase RFC 1123 subdomain must consist of …"))
    for key, value in (meta.get("labels") or {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value) or len(value) > 63:
            causes.append(("metadata.labels", f"Invalid value: {value!r}"))
    size = sum(len(key) + len(value) for key, value in (meta.get("annotations") or {}).items())
    if size > ANNOTATIONS_MAX:
        causes.append(("metadata.annotations", f"Too long: may not be more than {ANNOTATIONS_MAX} bytes"))
    return causes


def _data(kind: Kind, obj: Object) -> Causes:
    causes: Causes = []
    size = 0
    for part in ("data", "binaryData"):
        encoded = part == "binaryData" or kind.resource == SECRETS
        for key, value in (obj.get(part) or {}).items():
            size += len(base64.b64decode(value) if encoded else value.encode())
            if not _DATA_KEY.fullmatch(key) or key == "." or key.startswith(".."):
                causes.append((f"{part}[{key}]", "Invalid value: a valid config key must consist of …"))
    if size > DATA_MAX:
        causes.append(("data", f"Too long: may not be more than {DATA_MAX} bytes"))
    return causes


def _frozen(obj: Object, before: Object) -> Causes:
    causes: Causes = []
    if obj.get("type") != before.get("type"):
        causes.append(("type", f"Invalid value: {obj.get('type')!r}: field is immutable"))
    if before.get("immutable"):
        causes += [
            (part, "Forbidden: field is immutable when `immutable` is set")
            for part in ("data", "binaryData")
            if obj.get(part) != before.get(part)
        ]
        if not obj.get("immutable"):
            causes.append(("immutable", "Forbidden: field is immutable when `immutable` is set"))
    return causes


def _event(obj: Object) -> Causes:
    if obj.get("involvedObject", {}).get("namespace", "default") == obj["metadata"]["namespace"]:
        return []
    return [("involvedObject.namespace", "Invalid value: does not match event.namespace")]
