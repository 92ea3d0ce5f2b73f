"""What do the sources of a set's imports hold? Read by name, after consent, with every fault put into words.

A source that is gone, does not consent or holds nothing usable is an answer; a read that fails raises and ends the
pass. Private halves go into a vault of their own and never into the facts.
"""

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from jwks_operator.api.names import LABEL_ALLOW_SET, SetRef
from jwks_operator.core.features.certificate_renewal import OF_SOURCE
from jwks_operator.core.features.source_content import Holding, Refusal, Sources
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.policy import EntryPolicy, Policy, Source
from jwks_operator.core.model.record import Certificate
from jwks_operator.keys.certificates import read_issued_chain
from jwks_operator.keys.import_reader import ForeignKey, Wanted, read_private, read_public_keys
from jwks_operator.keys.jwk import JwkError, thumbprint
from jwks_operator.keys.private import PrivateKeys
from jwks_operator.keys.public_sets import PublicKeys
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource

TLS_TYPE = "kubernetes.io/tls"
"""The type of Secrets whose key somebody else renews: they are followed."""
TLS_CRT = "tls.crt"
"""The data key of the certificate in such a Secret, the certificates of its issuers behind it."""

Found = TypeVar("Found")
Public: TypeAlias = tuple[Mapping[str, object], ...]


async def read_sources(client: Client, ref: SetRef, policy: Policy) -> tuple[Mapping[str, Sources], PrivateKeys]:
    """Return what the sources of each importing entry hold, and the private halves by kid; raises KubeError."""
    found: dict[str, Sources] = {}
    vault: PrivateKeys = {}
    for entry in policy.keys:
        if entry.import_ is not None:
            found[entry.name], halves = await _read(client, ref, entry)
            vault = {**halves, **vault}
    return found, vault


async def _read(client: Client, ref: SetRef, entry: EntryPolicy) -> tuple[Sources, PrivateKeys]:
    wanted = entry.import_
    if wanted is None:
        return Sources(entry), {}
    public: Public = ()
    former: Holding | Refusal | None = None
    if wanted.public_ref is not None:
        source = await client.read(CONFIGMAPS, ref.namespace, wanted.public_ref.name)
        # A set of many RSA keys takes a while to check.
        read = await asyncio.to_thread(_public_keys, source, ref, wanted.public_ref, entry.algorithm)
        if isinstance(read, Refusal):
            former = read
        else:
            former, public = _former(read, wanted.public_ref), read.keys
    if wanted.secret_ref is None:
        return Sources(entry, None, former), {}
    source = await client.read(SECRETS, ref.namespace, wanted.secret_ref.name)
    key = await asyncio.to_thread(_private_key, source, ref, entry, wanted.secret_ref)
    if isinstance(key, Refusal):
        return Sources(entry, key, former), {}
    key = _under_its_kid(key, public)
    holding = Holding((_face(key),))
    if source is not None and source.get("type") == TLS_TYPE:
        certificate, complaint = _certificate(source, key)
        holding = Holding((_face(key),), True, certificate, complaint)
    return Sources(entry, holding, former), {key.private.kid: key.private}


def no_source(what: str, set_name: str) -> str:
    """Return the sentence about a source that is not there or does not consent.

    It is the same for both: who may write sets and not read Secrets does not learn which names exist.
    """
    return f"{what} does not exist or does not consent: create it, or add the label {LABEL_ALLOW_SET}: {set_name} to it"


def _certificate(source: Object, key: ForeignKey) -> tuple[Certificate | None, str]:
    """The chain of a followed source, or why it cannot be published; a symmetric key has none."""
    if not key.public:
        return None, ""
    where = f"Secret {source['metadata']['name']}, data key {TLS_CRT}"
    try:
        pem = b64decode(source["data"].get(TLS_CRT, ""), validate=True)
        x5c, begin, end = read_issued_chain(key.public, pem)
    except JwkError as error:
        return None, f"{where}: {error}"
    except Base64Error:
        return None, f"{where} is not base64"
    return Certificate(x5c, begin, end, OF_SOURCE), ""


def _private_key(source: Object | None, ref: SetRef, entry: EntryPolicy, at: Source) -> ForeignKey | Refusal:
    wanted = Wanted(entry.algorithm, entry.modulus_length, entry.crv)
    return _judged(SECRETS, source, ref, at, lambda content: read_private(content, wanted))


def _former(read: PublicKeys, at: Source) -> Holding:
    """What of another issuer's set is imported, and what a person has to know of the rest of it."""
    faces = tuple(map(_public_face, read.keys))
    if not read.left_out:
        return Holding(faces)
    what = f"ConfigMap {at.name}, data key {at.key}, left out: {read.tell()}"
    return Holding(faces, left_out=f"{what}. The other keys are imported; once read, take these out of the ConfigMap")


def _public_keys(source: Object | None, ref: SetRef, at: Source, algorithm: str) -> PublicKeys | Refusal:
    return _judged(CONFIGMAPS, source, ref, at, lambda content: read_public_keys(content, algorithm))


def _judged(
    resource: Resource, source: Object | None, ref: SetRef, at: Source, read: Callable[[bytes], Found]
) -> Found | Refusal:
    """What a source holds, or why it cannot be used. Without consent nothing of it is looked at, nor told."""
    what = f"{resource.kind} {at.name}"
    if source is None:
        return Refusal(no_source(what, ref.name), absent=True)
    if (source["metadata"].get("labels") or {}).get(LABEL_ALLOW_SET) != ref.name:
        return Refusal(no_source(what, ref.name), absent=True)
    text: Mapping[str, str] = {} if resource is SECRETS else source.get("data") or {}
    octets: Mapping[str, str] = source.get("data" if resource is SECRETS else "binaryData") or {}
    if at.key not in text and at.key not in octets:
        return Refusal(f"{what} has no data key {at.key}; add it, or correct the import", absent=True)
    try:
        return read(text[at.key].encode() if at.key in text else b64decode(octets[at.key], validate=True))
    except JwkError as error:
        return Refusal(f"{what}, data key {at.key}: {error}")
    except Base64Error:
        return Refusal(f"{what}, data key {at.key} is not base64")


def _under_its_kid(key: ForeignKey, published: Public) -> ForeignKey:
    """A key without a kid of its own keeps the one under which its issuer publishes it."""
    if not key.named and key.public:
        for public in published:
            if thumbprint(public) == thumbprint(key.public):
                return key.called(str(public["kid"]))
    return key


def _face(key: ForeignKey) -> FreshKey:
    members = key.private.reveal()
    return FreshKey(key.private.kid, str(members["alg"]), thumbprint(members), dict(key.public))


def _public_face(public: Mapping[str, object]) -> FreshKey:
    return FreshKey(str(public["kid"]), str(public["alg"]), thumbprint(public), dict(public), has_private=False)
