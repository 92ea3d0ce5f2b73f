"""Which keys want a certificate, and when? A key has one from its birth; it is renewed without a new key.

Pending and active keys have the certificate that the spec asks for now. A retired signature key keeps the one it has
and has it renewed while its private half is there, because it is still published. Where the spec asks for none and the
key comes from a source that is followed, it has the one that the source has for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from jwks_operator.api.durations import format_duration
from jwks_operator.api.spec import Format
from jwks_operator.core.features.source_content import Sources, private_holding
from jwks_operator.core.model.policy import CertificateTerms, EntryPolicy, Policy
from jwks_operator.core.model.record import Certificate, KeyRecord, Record
from jwks_operator.core.planner.causes import Cause
from jwks_operator.core.timing.formulas import LONG_AGO, entry_named
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.members import canonical_json

OF_SOURCE = "source"
"""In place of the digest of terms: the certificate was not made here but is that of the followed source."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """From when on a key is to have a new certificate, and why."""

    time: datetime
    cause: Cause


def next_renewal(policy: Policy, key: KeyRecord) -> Renewal | None:
    """Return when a key's certificate is next made; None if it is to have none, or keeps the one it has."""
    entry = entry_named(policy, key.entry)
    if entry is None or entry.certificate is None or not _certifiable(key, entry.certificate):
        return None
    if key.state is not State.RETIRED:
        if key.certificate is None:
            return Renewal(LONG_AGO, Cause.CERTIFICATE_MISSING)
        if key.certificate.terms != digest_of_terms(entry):
            return Renewal(LONG_AGO, Cause.CERTIFICATE_CHANGED)
    if key.certificate is None:
        return None
    return Renewal(_due(key.certificate, entry.certificate.renewal_share), Cause.CERTIFICATE_EXPIRES)


def find_published_certificate(policy: Policy, key: KeyRecord) -> Certificate | None:
    """Return the certificate that is published with a key: none once its entry asks for none."""
    entry = entry_named(policy, key.entry)
    if entry is None or key.certificate is None or entry.certificate is not None:
        return key.certificate
    return key.certificate if key.certificate.terms == OF_SOURCE and entry.imports_private else None


def certificate_of_source(sources: Mapping[str, Sources], policy: Policy, key: KeyRecord) -> Certificate | None:
    """Return the certificate that a followed source has for a key, where the spec asks for no other."""
    entry = entry_named(policy, key.entry)
    held = None if entry is None or entry.certificate is not None else private_holding(sources.get(key.entry), entry)
    return held.certificate if held is not None and held.keys[0].thumbprint == key.thumbprint else None


def entries_without_certificate(record: Record) -> tuple[EntryPolicy, ...]:
    """Return the entries whose key in use is to be handed out in format TLS and has no certificate."""
    in_use = ((entry, record.active(entry.name)) for entry in record.policy.keys)
    return tuple(
        entry
        for entry, key in in_use
        if Format.TLS in record.policy.secret.formats
        and key is not None
        and key.key_class is not KeyClass.SYMMETRIC
        and find_published_certificate(record.policy, key) is None
    )


def digest_of_terms(entry: EntryPolicy) -> str:
    """Return a digest of what a certificate of this entry is to say; when to renew it is no part of that."""
    terms = entry.certificate
    said = terms and [terms.common_name, terms.ca_secret, list(terms.names), format_duration(terms.duration)]
    return sha256(canonical_json([entry.name, said])).hexdigest()


def _certifiable(key: KeyRecord, terms: CertificateTerms) -> bool:
    if key.key_class is KeyClass.SYMMETRIC:
        return False
    if key.state is State.RETIRED:
        return key.key_class is KeyClass.SIGNATURE and key.has_private
    return key.has_private or terms.ca_secret is not None


def _due(certificate: Certificate, share: float) -> datetime:
    return certificate.not_after - (certificate.not_after - certificate.issued) * share
