"""What can go wrong between us and the API server, as one small tree.

    KubeError
    ├── Missing           404 that names what is not there: the object of a write, or its namespace
    ├── NotServed         any other 404: the kind is not served (CRD absent), so nothing can be told
    ├── Conflict          409: another client wrote first (stale resourceVersion, other uid, other field owner)
    │   └── AlreadyExists 409 on a POST: an object of that name is there
    ├── Gone              410: the resourceVersion (or the continue token) is too old; list again
    ├── Refused           400, 403, 413, 422 and other 4xx: sending it again unchanged will not help
    │   └── NamespaceTerminating  403 on a POST into a namespace that is being deleted
    ├── Throttled         429: not done; `retry_after` seconds if the server said so
    ├── NotLeading        not sent: another replica may be the one that writes now
    ├── OwnedByOtherShard the set belongs to another shard
    ├── NotConfigured     no API server is known: neither in a cluster nor by a kubeconfig
    └── Unavailable       401, 408, 5xx, timeouts, connections: a write may or may not have landed

Rule: nothing of a response body crosses into a message, except for `Status.reason` when it is one of the API
machinery's own, and `Status.message` for resources that hold no secrets. For Secrets only the failing field
is named, never deeper than a field we know, because the server echoes values (and webhooks echo anything), and words
of a known form, with the cure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# metav1.StatusReason; an allow-list, because a webhook may put any text there.
_REASONS = frozenset({
    "AlreadyExists", "BadRequest", "Conflict", "Expired", "Forbidden", "Gone", "InternalError", "Invalid",
    "MethodNotAllowed", "NotAcceptable", "NotFound", "RequestEntityTooLarge", "ServerTimeout",
    "ServiceUnavailable", "StoreReadError", "Timeout", "TooManyRequests", "Unauthorized",
    "UnsupportedMediaType",
})  # fmt: skip
_MESSAGE_MAX = 1024
_KNOWN_SECRET_FIELD = re.compile(
    r"(?:data|stringData|type|immutable|kind|apiVersion"
    r"|metadata(?:\.(?:name|namespace|uid|resourceVersion|labels|annotations))?)(?=[.\[]|$)"
)


_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_QUANTITIES = r"[a-z0-9./-]{1,100}=[0-9]{1,12}[kKMGTPEim]{0,2}(?:,[a-z0-9./-]{1,100}=[0-9]{1,12}[kKMGTPEim]{0,2}){0,20}"
_KNOWN_WORDS = tuple((re.compile(pattern), cure) for pattern, cure in (
    (rf"exceeded quota: {_NAME}, requested: {_QUANTITIES}, used: {_QUANTITIES}, limited: {_QUANTITIES}",
     "raise the quota"),
    (rf'cannot [a-z]{{1,20}} resource "secrets" in API group "" in the namespace "{_NAME}"',
     "grant the operator's account that right"),
    (r"field is immutable when `immutable` is set", "delete it, and it is made again"),
    (rf'admission webhook "{_NAME}" denied the request', "change what that webhook demands, or exempt the object"),
    (rf'failed calling webhook "{_NAME}"', "repair that webhook, or let it fail open"),
    (rf"ValidatingAdmissionPolicy '{_NAME}' with binding '{_NAME}' denied request",
     "change that policy, or exempt the object"),
    (rf"unable to create new content in namespace {_NAME} because it is being terminated",
     "wait until the namespace is gone"),
    (r"etcdserver: mvcc: database space exceeded", "make room in etcd and take back its NOSPACE alarm"),
    (r"Too long: may not be more than [0-9]{1,9} bytes", "let the set hold fewer keys"),
))  # fmt: skip
"""What the API server is known to say about a write without quoting the object, and what helps."""


class KubeError(Exception):
    """Root of everything `kube` raises; str() is safe for logs, conditions and Events."""

    about: str = ""
    """The object of the set whose read or write failed, by kind and name; empty for anything else."""
    on_read: bool = False
    """Whether a pass goes on without what could not be read."""


class Missing(KubeError):
    """The object of a write, or the namespace it belongs to, certainly does not exist.

    `kind` is the plural name of what is missing ("secrets", "namespaces").
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class NotServed(KubeError):
    """The server does not serve that path: whether the object exists cannot be told."""


class Conflict(KubeError):
    """Another writer came first, or the object is not the one that was read. Look again before writing."""


class AlreadyExists(Conflict):
    """A POST found an object of that name."""


class Gone(KubeError):
    """The resourceVersion or continue token is older than what the server remembers. List again."""


class Refused(KubeError):
    """The server will not do this, however often it is asked: validation, admission, RBAC, size."""


class NamespaceTerminating(Refused):
    """The namespace is being deleted; nothing can be created in it any more."""


class Throttled(KubeError):
    """The server did nothing and asks for patience: `retry_after` seconds, None when it did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotLeading(KubeError):
    """The write was not sent, because this replica does not hold the Lease."""


class OwnedByOtherShard(KubeError):
    """Another shard looks after the set: nothing of it is ours to judge or to write."""


class NotConfigured(KubeError):
    """It is not known which API server to talk to."""


class Unavailable(KubeError):
    """No usable answer. A read tells nothing; a write may have landed, may land later, or never."""


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """What was asked of the server, for messages: `PUT secrets shop/auth-keyring`."""

    method: str
    plural: str
    namespace: str | None
    name: str | None

    @property
    def confidential(self) -> bool:
        """Whether the server's words about it may echo private bytes."""
        return self.plural == "secrets"

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.method} {self.plural} {where}".rstrip()


def confirms_absence(asked: RequestTarget, status: Mapping[str, Any] | None) -> bool:
    """Whether a 404's body says that exactly the asked object is not there (and not the kind, or a proxy)."""
    if not _is_status(status, "NotFound"):
        return False
    details = _details(status)
    return details.get("name") == asked.name and details.get("kind") == asked.plural


def error_for(
    asked: RequestTarget, code: int, status: Mapping[str, Any] | None, retry_after: str | None = None
) -> KubeError:
    """Turn an answer that is not a success into its error.

    `status` is the body if it was a JSON object, `retry_after` the header of that name in seconds.
    """
    text = f"{asked}: {code}{_safe_words(asked, code, status)}"
    if code == 404:
        return _not_found(asked, text, status)
    if code == 429:
        return Throttled(text, _seconds(retry_after, status))
    return _class_for(code, status)(text)


def _class_for(code: int, status: Mapping[str, Any] | None) -> type[KubeError]:
    if code == 409:
        return AlreadyExists if _is_status(status, "AlreadyExists") else Conflict
    if code == 410:
        return Gone
    if code in {401, 408} or not 400 <= code < 500:
        return Unavailable
    terminating = any(cause.get("reason") == "NamespaceTerminating" for cause in _causes(status))
    return NamespaceTerminating if code == 403 and terminating else Refused


def _not_found(asked: RequestTarget, text: str, status: Mapping[str, Any] | None) -> KubeError:
    namespace = RequestTarget(asked.method, "namespaces", None, asked.namespace)
    for thing in (asked, namespace):
        if thing.name is not None and confirms_absence(thing, status):
            return Missing(text, thing.plural)
    return NotServed(text)


def _is_status(status: Mapping[str, Any] | None, reason: str) -> bool:
    return status is not None and status.get("kind") == "Status" and status.get("reason") == reason


def _details(status: Mapping[str, Any] | None) -> Mapping[str, Any]:
    details = status.get("details") if status is not None else None
    return details if isinstance(details, dict) else {}


def _causes(status: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    causes = _details(status).get("causes")
    if not isinstance(causes, list):
        return []
    # The API server calls the field "reason" in its JSON although the Go type says "Type".
    return [cause for cause in causes if isinstance(cause, dict)]


def _safe_words(asked: RequestTarget, code: int, status: Mapping[str, Any] | None) -> str:
    if status is None:
        return ""
    reason = status.get("reason")
    words = f" {reason}" if isinstance(reason, str) and reason in _REASONS else ""
    message = status.get("message")
    if asked.confidential:
        found = (_KNOWN_SECRET_FIELD.match(str(cause.get("field", ""))) for cause in _causes(status))
        fields = sorted({match.group() for match in found if match})
        return words + (f" ({', '.join(fields)})" if fields else "") + _known_words(message)
    if not 400 <= code < 500:
        return words + _known_words(message)
    if not isinstance(message, str) or not message:
        return words
    cures = "".join(f"; {cure}" for pattern, cure in _KNOWN_WORDS if pattern.search(message))
    return f"{words}: {message[:_MESSAGE_MAX]}{cures}"


def _known_words(message: object) -> str:
    """Return what is known of a message, and the cure: only parts of known form, never its whole."""
    if not isinstance(message, str):
        return ""
    found = ((pattern.search(message), cure) for pattern, cure in _KNOWN_WORDS)
    return "".join(f": {match.group()}; {cure}" for match, cure in found if match)


def _seconds(header: str | None, status: Mapping[str, Any] | None) -> float | None:
    value = header if header is not None else _details(status).get("retryAfterSeconds")
    try:
        return max(0.0, float(value)) if value is not None else None
    except (TypeError, ValueError):
        return None  # an HTTP date is allowed by RFC 9110 but never sent by kube-apiserver
