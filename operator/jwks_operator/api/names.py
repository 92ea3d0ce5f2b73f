"""Names that are stored or watched: final, because objects in clusters carry them."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

GROUP = "jwks-operator.dev"
VERSION = "v1beta1"
KIND = "JsonWebKeySet"
PLURAL = "jsonwebkeysets"
SINGULAR = "jsonwebkeyset"
SHORT_NAME = "jwks"
FIELD_MANAGER = "jwks-operator"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "jwks-operator"
MANAGED_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
LABEL_SET = f"{GROUP}/set"
LABEL_SHARD = f"{GROUP}/shard"
"""On a set and on everything that belongs to it: the shard it belongs to; the default shard if it is absent."""
LABEL_ALLOW_SET = f"{GROUP}/allow-set"
"""On an object that a set may read besides its own: the name of that set."""
LABEL_SOURCE_NAMESPACE = f"{GROUP}/source-namespace"
"""On a copy in another namespace: the namespace of its set."""
CONSENT_PREFIX = f"accept.{GROUP}/"
"""On a namespace, before the name of another one: whether it accepts copies from there."""
RESERVED_PREFIX = f"{GROUP}/"
"""Labels and annotations of this prefix are the operator's own."""

ANNOTATION_RESTARTED_FOR = f"{GROUP}/restarted-for"
"""On the pod template of a workload that is restarted: which content of the Secret it was restarted for."""

ANNOTATION_REFRESHED_AT = f"{GROUP}/refreshed-at"
"""On a pod that mounts objects of a set: when its kubelet was last made to write them into its volumes."""

ANNOTATION_ROTATE = f"{GROUP}/rotate"
ANNOTATION_ROLLBACK = f"{GROUP}/rollback"
ANNOTATION_HOLD = f"{GROUP}/hold"
ANNOTATION_REVOKE = f"{GROUP}/revoke"
ANNOTATION_SOURCE = f"{GROUP}/source"
ANNOTATION_DELETE_AFTER = f"{GROUP}/delete-after"
"""On a copy in another namespace: its set, as `<namespace>/<name>`."""

KEYRING_TYPE = f"{GROUP}/keyring"
KEYRING_SUFFIX = "-keyring"
RECORD_KEY = "record.json"

JWKS_KEY = "jwks.json"
SERVE_KEY = "zz-serve.json"
OPENID_KEY = "openid-configuration"
HISTORICAL_KEY = "historical.jwt"

NAME_MAX = 52
"""Longest name of a set or an entry, in characters: `<name>-keyring` and what else hangs on it stay within
63."""


@dataclass(frozen=True, order=True, slots=True)
class SetRef:
    """Reference to a JsonWebKeySet; prints as `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def keyring_name(set_name: str) -> str:
    """Return the name of the Secret that holds the record of the set."""
    return set_name + KEYRING_SUFFIX


def copy_name(ref: SetRef, configmap: str) -> str:
    """Return the name of the copies of a set's ConfigMap in other namespaces; namespaces have no dots."""
    return f"{ref.namespace}.{configmap}"


def consent_label(namespace: str) -> str:
    """Return the label by which a namespace accepts copies from another one, if its value is `true`."""
    return CONSENT_PREFIX + namespace


def key_data_name(kid: str) -> str:
    """Return the keyring's data key for a kid: base64url(SHA-256(kid)) without padding, plus `.json`.

    A kid may hold any character (RFC 7517 section 4.5), a data key may not.
    """
    return urlsafe_b64encode(sha256(kid.encode()).digest()).rstrip(b"=").decode() + ".json"
