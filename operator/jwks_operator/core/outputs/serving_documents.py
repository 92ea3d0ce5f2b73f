"""What stands beside the set in the ConfigMap: hints for the server, and the discovery document of the issuer."""

import json
from collections.abc import Iterable, Mapping

from jwks_operator.api.names import JWKS_KEY
from jwks_operator.core.model.policy import Policy, Publish
from jwks_operator.core.model.record import KeyRecord
from jwks_operator.keys.algorithms import KeyClass

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def serve_hints(policy: Policy, documents: list[dict[str, object]]) -> str:
    """Return `zz-serve.json`: what `jwks-operator serve` must know, silent about what it assumes anyway."""
    known, publish = policy.facts, policy.publish
    hints: dict[str, object] = {
        "cacheMaxAge": int(known.cache_max_age.total_seconds()),
        "staleWindow": int(known.stale_window.total_seconds()),
    }
    if publish.config_map.key != JWKS_KEY:
        hints["key"] = publish.config_map.key
    if publish.media_type is not None:
        hints["mediaType"] = publish.media_type
    if publish.paths:
        hints["paths"] = {"jwks": list(publish.paths)}
    if publish.allow_origins is not None:
        hints["cors"] = {"allowOrigins": list(publish.allow_origins)}
    if documents:
        hints["documents"] = documents
    return compact_json(hints) + "\n"


def discovery_document(
    publish: Publish, keys: Iterable[KeyRecord], path: str, jwks_uri: str | None = None
) -> str | None:
    """Return the discovery document for an issuer whose set at this path has these keys; None without an issuer.

    OpenID Connect Discovery 1.0 section 3: what we derive wins over the members of the spec, what we merely assume
    gives way to them, and a list without elements is left out (section 4.2). The document is below the issuer
    (section 4), and so is the set at `path`, unless it has a URL of its own.
    """
    if publish.issuer is None:
        return None
    derived: dict[str, object] = {"issuer": publish.issuer, "jwks_uri": jwks_uri or publish.issuer.rstrip("/") + path}
    signing = sorted({str(key.public["alg"]) for key in keys if key.key_class is KeyClass.SIGNATURE})
    if signing:
        derived["id_token_signing_alg_values_supported"] = signing
    assumed = {"response_types_supported": ["id_token"], "subject_types_supported": ["public"]}
    return json.dumps({**derived, **assumed, **publish.discovery, **derived}, indent=2) + "\n"


def compact_json(value: Mapping[str, object]) -> str:
    """Return JSON without spaces, members in the order given."""
    return _COMPACT.encode(value)
