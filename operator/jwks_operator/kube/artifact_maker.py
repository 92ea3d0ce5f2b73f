"""Makes signed artifacts (certificates, signed historical sets) from the private halves and the Secret of a CA.

What stands in the way of a certificate is an answer, put into words, also a CA that cannot be read: a certificate
never keeps a key from its use, nor a revoked one in use.
"""

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import randbits

from jwks_operator.api.names import LABEL_ALLOW_SET
from jwks_operator.core.features.historical import Signing
from jwks_operator.core.features.signed_artifacts import Artifact, Certification
from jwks_operator.core.model.record import Certificate
from jwks_operator.keys.certificates import Authority, Terms, ca_signed, certificate_members, load_chain, self_signed
from jwks_operator.keys.historical_signature import sign_set
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.naming import eddsa_name_of
from jwks_operator.keys.private import PrivateJwk
from jwks_operator.kube.client import SECRETS, Client
from jwks_operator.kube.errors import KubeError
from jwks_operator.kube.gather import Gathered
from jwks_operator.kube.source_reader import TLS_TYPE, no_source

SERIAL_BITS = 127
"""Random bits of a serial number, of which CAs must use at least 64; positive, and within 20 octets (RFC 5280)."""
SHORTEST = timedelta(minutes=1)
"""A CA that ends sooner than this signs nothing that would be worth publishing."""


class CertificateRefused(Exception):
    """A certificate cannot be made; the message says why and names the cure."""


async def make_signed_artifacts(
    client: Client, gathered: Gathered, wanted: Iterable[Artifact], now: datetime
) -> Gathered:
    """Return the state with these artifacts made, or with the reasons why they cannot be."""
    for artifact in wanted:
        observed = gathered.observed
        if isinstance(artifact, Signing):
            jwt = await asyncio.to_thread(_signed, gathered, artifact, now)
            observed = replace(observed, signed={**observed.signed, artifact.digest: jwt})
        else:
            try:
                certificate = await _certificate(client, gathered, artifact, now)
                observed = replace(observed, certificates={**observed.certificates, artifact.kid: certificate})
            except CertificateRefused as why:
                observed = replace(observed, uncertified={**observed.uncertified, artifact.entry.name: str(why)})
        gathered = replace(gathered, observed=observed)
    return gathered


def _signed(gathered: Gathered, artifact: Signing, now: datetime) -> str:
    return sign_set(artifact.said, gathered.private_keys[artifact.kid], now, eddsa_name_of(artifact.signer))


async def _certificate(client: Client, gathered: Gathered, artifact: Certification, now: datetime) -> Certificate:
    try:
        authority = await _authority(client, gathered, artifact)
        # Reading a CA's RSA key takes a while: its primes are tested.
        return await asyncio.to_thread(_issued, artifact, gathered.private_keys.get(artifact.kid), authority, now)
    except JwkError as error:
        raise CertificateRefused(str(error)) from None


async def _authority(client: Client, gathered: Gathered, artifact: Certification) -> Mapping[str, bytes] | None:
    """The files of the CA, if there is to be one."""
    terms, ref = artifact.entry.certificate, gathered.observed.ref
    if terms is None or terms.ca_secret is None:
        return None
    what = f"Secret {terms.ca_secret}"
    try:
        secret = await client.read(SECRETS, ref.namespace, terms.ca_secret)
    except KubeError as error:
        raise CertificateRefused(f"{what} could not be read: {error}") from None
    if secret is None or (secret["metadata"].get("labels") or {}).get(LABEL_ALLOW_SET) != ref.name:
        raise CertificateRefused(no_source(what, ref.name))
    if secret.get("type") != TLS_TYPE:
        raise CertificateRefused(f"{what} is not of type {TLS_TYPE}")
    data: Mapping[str, str] = secret.get("data") or {}
    try:
        return {name: b64decode(data.get(name, ""), validate=True) for name in ("tls.crt", "tls.key")}
    except Base64Error:
        raise CertificateRefused(f"{what} is not base64") from None


def _issued(
    artifact: Certification, private: PrivateJwk | None, files: Mapping[str, bytes] | None, now: datetime
) -> Certificate:
    """Valid from a little earlier on, because not every clock is right, but not from before its CA was."""
    spec = artifact.entry.certificate
    start = (now - artifact.slack).replace(microsecond=0)
    authority = None if files is None else Authority.load(files["tls.crt"], files["tls.key"])
    if authority is not None:
        start = max(start, authority.certificate.not_valid_before_utc)
        if authority.certificate.not_valid_after_utc < now + SHORTEST:
            raise CertificateRefused("the CA certificate has expired; renew it")
    if spec is None or (authority is None and private is None):
        raise CertificateRefused("the private key is no longer there to sign with")
    life = spec.duration + (now.replace(microsecond=0) - start)
    terms = Terms(spec.common_name, spec.names, start, life, randbits(SERIAL_BITS) + 1)
    if authority is not None:
        pem = ca_signed(artifact.public, authority, terms)
    elif private is not None:
        pem = self_signed(artifact.public, private, terms)
    x5c = certificate_members(artifact.public, pem)["x5c"]
    chain = tuple(map(str, x5c)) if isinstance(x5c, list) else ()
    return Certificate(chain, now, load_chain(pem)[0].not_valid_after_utc, artifact.terms)
