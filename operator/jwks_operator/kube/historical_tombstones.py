"""Reads tombstones from the signed historical set, when the record of the removed keys is gone.

The signature is not checked: the ConfigMap is ours, and a client that can write it can publish keys anyway. A tombstone
keeps a key from being generated or imported again and keeps it in the history; it never puts a key into use.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from jwks_operator.api.names import HISTORICAL_KEY
from jwks_operator.core.features.historical import reason_of
from jwks_operator.core.model.key_states import FreshKey, tombstone_for
from jwks_operator.core.model.record import HistoricalFacts, Tombstone
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.jwk import parse_public, thumbprint
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.kube.client import Object

_UNREADABLE = (JwkError, KeyError, TypeError, ValueError, OverflowError)


def read_tombstones(configmap: Object) -> tuple[Tombstone, ...]:
    """Return a tombstone for every key in the historical set of a ConfigMap; an unreadable set gives none."""
    text = str((configmap.get("data") or {}).get(HISTORICAL_KEY, ""))
    with suppress(*_UNREADABLE):
        payload = parse_json_strict(_decoded(text.split(".")[1] if text.count(".") == 2 else ""))
        keys = payload.get("keys") if isinstance(payload, dict) else None
        return tuple(_tombstones(keys if isinstance(keys, list) else []))
    return ()


def _decoded(part: str) -> bytes:
    with suppress(binascii.Error):
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    return b""


def _tombstones(keys: list[object]) -> Iterator[Tombstone]:
    for key in keys:
        with suppress(*_UNREADABLE):
            if isinstance(key, Mapping):
                yield _tombstone(key)


def _tombstone(said: Mapping[str, object]) -> Tombstone:
    public = {**parse_public(said), "alg": said["alg"]}
    key = FreshKey(str(public["kid"]), str(public["alg"]), thumbprint(public), public, has_private=False)
    expired, revoked = _time(said["exp"]), said.get("revoked")
    issued = _time(said["iat"]) if "iat" in said else None
    if not isinstance(revoked, Mapping):
        return tombstone_for(key, State.DESTROYED, expired, HistoricalFacts(public, expired, issued))
    former = HistoricalFacts(public, expired, issued, reason_of(str(revoked["reason"])))
    return tombstone_for(key, State.COMPROMISED, _time(revoked["revoked_at"]), former)


def _time(seconds: object) -> datetime:
    if not isinstance(seconds, int):
        raise TypeError("not a time")
    return datetime.fromtimestamp(seconds, UTC)
