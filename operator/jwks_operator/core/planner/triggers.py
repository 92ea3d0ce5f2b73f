"""Why, and from when, is a key in use to be replaced? A schedule, a request, or a spec that asks for another kind."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from jwks_operator.core.model.policy import EntryPolicy, Policy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.planner.requests import Requests, Verb, outstanding
from jwks_operator.core.timing.formulas import rotation_of
from jwks_operator.core.timing.schedule import due as scheduled_due
from jwks_operator.keys.naming import algorithm_name

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
"""The time of a move that waits for nothing."""


@dataclass(frozen=True, slots=True)
class Cause:
    """When and why an active key is to be replaced; an emergency waits for nothing else."""

    time: datetime
    why: str
    emergency: bool = False
    requested: bool = False


def causes_of(record: Record, entry: EntryPolicy, active: KeyRecord, requests: Requests) -> tuple[Cause, ...]:
    """Return every cause to replace the active key of an entry."""
    causes = [
        Cause(request.time, "Emergency" if request.emergency else "Request", request.emergency, requested=True)
        for request in outstanding(record, requests, Verb.ROTATE, entry.name)
    ]
    if not fits(active, entry, record.policy):
        causes.append(Cause(LONG_AGO, "AlgorithmChanged"))
    if active.in_use_since is not None:
        rotation = rotation_of(record.policy, entry)
        planned = scheduled_due(rotation, active.in_use_since)
        if planned is not None:
            causes.append(Cause(planned + _spread(active, rotation.jitter), "Schedule"))
    return tuple(causes)


def fits(key: KeyRecord, entry: EntryPolicy, policy: Policy) -> bool:
    """Tell whether a key is what its entry asks for now: algorithm and its name, size or curve where they are open."""
    name = published_name(policy, entry.algorithm)
    if key.algorithm != entry.algorithm or key.public.get("alg", name) != name:
        return False
    return entry.modulus_length in {None, _bits(key)} and entry.crv in {None, key.public.get("crv")}


def published_name(policy: Policy, algorithm: str) -> str:
    """Return the name of an algorithm in the public JWKs of keys made now; a key keeps it for life.

    Verifiers know a key by the name they fetched: a token that names its algorithm differently would be refused.
    """
    return algorithm_name(algorithm, policy.publish.eddsa_name)


def _bits(key: KeyRecord) -> int:
    """The bits of an RSA key, from its `n`: whole octets without a leading zero (RFC 7518 section 6.3.1.1)."""
    return len(str(key.public.get("n", ""))) * 6 // 8 * 8


def _spread(active: KeyRecord, jitter: timedelta) -> timedelta:
    """A part of the jitter that is even over many keys and always the same for one: taken from its kid."""
    if not jitter:
        return timedelta()
    return jitter * (int.from_bytes(sha256(active.kid.encode()).digest()[:4], "big") / 2**32)
