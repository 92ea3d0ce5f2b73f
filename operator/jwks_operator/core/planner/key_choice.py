"""Chooses among the keys of an entry: which ones fit its spec, which one to use next, which one to go back to."""

from datetime import UTC, datetime

from jwks_operator.core.features.imports import was_revoked
from jwks_operator.core.model.policy import EntryPolicy, Policy
from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.timing.formulas import LONG_AGO
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.naming import algorithm_name


def fits_entry(key: KeyRecord, entry: EntryPolicy, policy: Policy) -> bool:
    """Tell whether a key is what its entry asks for now: algorithm and its name, size or curve where they are open."""
    name = name_to_publish(policy, entry.algorithm)
    if key.algorithm != entry.algorithm or key.public.get("alg", name) != name:
        return False
    return entry.modulus_length in {None, _bits(key)} and entry.crv in {None, key.public.get("crv")}


def name_to_publish(policy: Policy, algorithm: str) -> str:
    """Return the name of an algorithm in the public JWKs of keys made now; a key keeps it for life.

    Verifiers know a key by the name they fetched: a token that names its algorithm differently would be refused.
    """
    return algorithm_name(algorithm, policy.publish.eddsa_name)


def find_former_key(record: Record, entry: EntryPolicy) -> KeyRecord | None:
    """Return the key to which an entry can go back: the last retired one that still has its private half."""
    usable = [
        key for key in record.of(entry.name, State.RETIRED) if key.has_private and fits_entry(key, entry, record.policy)
    ]
    return max(usable, key=lambda key: (key.in_use_since or LONG_AGO, key.created), default=None)


def find_next_key(record: Record, entry: EntryPolicy) -> KeyRecord | None:
    """Return the pending key of an entry that fits it and has been published longest."""
    fitting = [key for key in record.of(entry.name, State.PENDING) if fits_entry(key, entry, record.policy)]
    return min(fitting, key=lambda key: (key.published or _forever(), key.created, key.kid), default=None)


def lacks_successor(record: Record, entry: EntryPolicy) -> bool:
    """Tell whether an entry lost its active key to a loss or a revocation, so that the next one is used at once."""
    return entry.name in record.lost or was_revoked(record, entry)


def _bits(key: KeyRecord) -> int:
    """Return the bits of an RSA key, from its `n`: whole octets without a leading zero (RFC 7518 section 6.3.1.1)."""
    return len(str(key.public.get("n", ""))) * 6 // 8 * 8


def _forever() -> datetime:
    return datetime.max.replace(tzinfo=UTC)
