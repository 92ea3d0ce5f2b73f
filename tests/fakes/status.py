"""The failures of the fake, each in the form in which kube-apiserver reports it (metav1.Status)."""

from typing import Any

from jwks_operator.kube.client import Object, Resource


class ApiError(Exception):
    """An answer that is not a success."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body = status(code, reason, message, details)


class PageNotFound(Exception):
    """The plain-text 404 of a path nobody serves."""


def status(code: int, reason: str, message: str, details: Object | None = None) -> Object:
    body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    body |= {"message": message, "code": code} | ({"reason": reason} if reason else {})
    return body | ({"details": details} if details else {})


def _qualified(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def _details(resource: Resource, name: str | None, kind: str) -> Object:
    return ({"name": name} if name else {}) | ({"group": resource.group} if resource.group else {}) | {"kind": kind}


def not_found(resource: Resource, name: str) -> ApiError:
    text = f'{_qualified(resource)} "{name}" not found'
    return ApiError(404, "NotFound", text, _details(resource, name, resource.plural))


def already_exists(resource: Resource, name: str) -> ApiError:
    text = f'{_qualified(resource)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, _details(resource, name, resource.plural))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    text = f'Operation cannot be fulfilled on {_qualified(resource)} "{name}": {why}'
    return ApiError(409, "Conflict", text, _details(resource, name, resource.plural))


def apply_conflict(owners: dict[str, str]) -> ApiError:
    """`owners`: field path → the manager that holds it."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": field}
        for field, manager in owners.items()
    ]
    text = f"Apply failed with {len(causes)} conflict(s)"
    return ApiError(409, "Conflict", text, {"causes": causes})


def terminating(resource: Resource, name: str, namespace: str) -> ApiError:
    text = f'{_qualified(resource)} "{name}" is forbidden: unable to create new content in namespace '
    text += f"{namespace} because it is being terminated"
    cause = {"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}
    details = _details(resource, name, resource.plural)
    return ApiError(403, "Forbidden", text, details | {"causes": [cause | {"field": "metadata.namespace"}]})


def invalid(resource: Resource, name: str, causes: list[tuple[str, str]]) -> ApiError:
    """`causes`: (field, message)."""
    said = [{"reason": "FieldValueInvalid", "message": text, "field": field} for field, text in causes]
    joined = ", ".join(f"{field}: {text}" for field, text in causes)
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = _details(resource, name, resource.kind) | {"causes": said}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {joined}', details)


def untyped(text: str) -> ApiError:
    """A server-side apply that does not fit the schema: kube-apiserver calls that its own failure."""
    return ApiError(500, "", f"failed to create typed patch object: {text}")


def bad_request(text: str) -> ApiError:
    return ApiError(400, "BadRequest", text)


def too_large(text: str) -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", text)


def expired(text: str) -> ApiError:
    return ApiError(410, "Expired", text)


def success(resource: Resource, name: str, uid: Any) -> Object:
    details = _details(resource, name, resource.plural) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
