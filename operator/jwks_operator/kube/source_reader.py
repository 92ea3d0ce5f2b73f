"""Reads the sources of imports: by name, after consent, with a sentence for every fault.

A source that is missing, does not consent or holds no usable key is a result; a read that fails raises and ends the
pass. Private halves are returned apart from the observed state.
"""

import asyncio
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from jwks_operator.api.names import LABEL_ALLOW_SET, SetRef
from jwks_operator.core.features.certificate_renewal import OF_SOURCE
from jwks_operator.core.features.source_content import Holding, Refusal, Sources
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.policy import EntryPolicy, Policy, Source
from jwks_operator.core.model.record import Certificate
from jwks_operator.keys.certificates import read_issued_chain
from jwks_operator.keys.external_keys import read_external_keys
from jwks_operator.keys.import_reader import ForeignKey, Wanted, read_private, read_public_keys
from jwks_operator.keys.jwk import JwkError, thumbprint
from jwks_operator.keys.private import PrivateKeys
from jwks_operator.keys.public_sets import PublicKeys
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object, Resource

TLS_TYPE = "kubernetes.io/tls"
"""The type of Secrets whose key another client renews; the import follows them."""
TLS_CRT = "tls.crt"
"""The data key of the certificate chain in such a Secret."""

Found = TypeVar("Found")
Public: TypeAlias = tuple[Mapping[str, object], ...]


async def read_sources(client: Client, ref: SetRef, policy: Policy) -> tuple[Mapping[str, Sources], PrivateKeys]:
    """Return the content of the sources of each importing entry, and the private halves by kid. Raises KubeError."""
    found: dict[str, Sources] = {}
    private_keys: PrivateKeys = {}
    for entry in policy.keys:
        if entry.import_ is not None:
            found[entry.name], halves = await _read(client, ref, entry)
            private_keys = {**halves, **private_keys}
    return found, private_keys


async def _read(client: Client, ref: SetRef, entry: EntryPolicy) -> tuple[Sources, PrivateKeys]:
    wanted = entry.import_
    if wanted is None:
        return Sources(entry), {}
    if wanted.external_ref is not None:
        source = await client.read(CONFIGMAPS, ref.namespace, wanted.external_ref.name)
        return Sources(entry, await asyncio.to_thread(_external_keys, source, ref, entry, wanted.external_ref)), {}
    public: Public = ()
    former: Holding | Refusal | None = None
    if wanted.public_ref is not None:
        source = await client.read(CONFIGMAPS, ref.namespace, wanted.public_ref.name)
        # The check of a set of many RSA keys takes a while.
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
    key = _with_published_kid(key, public)
    holding = Holding((_fresh_key(key),))
    if source is not None and source.get("type") == TLS_TYPE:
        certificate, complaint = _certificate(source, key)
        holding = Holding((_fresh_key(key),), True, certificate, complaint)
    return Sources(entry, holding, former), {key.private.kid: key.private}


def _external_keys(source: Object | None, ref: SetRef, entry: EntryPolicy, at: Source) -> Holding | Refusal:
    """Return the keys of an entry whose private halves live elsewhere; each can be used by its ref."""
    read = _read_source(CONFIGMAPS, source, ref, at, lambda content: read_external_keys(content, entry.algorithm))
    if isinstance(read, Refusal):
        return read
    usable = (replace(_fresh_public_key(key), has_private=True, ref=read.refs[str(key["kid"])]) for key in read.keys)
    return Holding(tuple(usable), followed=True, left_out=_left_out(read, at))


def no_source(what: str, set_name: str) -> str:
    """Return the sentence about a source that is not there or does not consent.

    It is the same for both: who may write sets and not read Secrets does not learn which names exist.
    """
    return f"{what} does not exist or does not consent: create it, or add the label {LABEL_ALLOW_SET}: {set_name} to it"


def _certificate(source: Object, key: ForeignKey) -> tuple[Certificate | None, str]:
    """Return the chain of a followed source, or why it cannot be published; a symmetric key has none."""
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
    return _read_source(SECRETS, source, ref, at, lambda content: read_private(content, wanted))


def _former(read: PublicKeys, at: Source) -> Holding:
    """Return the keys of another issuer's set, and the sentence about the keys that are left out."""
    return Holding(tuple(map(_fresh_public_key, read.keys)), left_out=_left_out(read, at))


def _left_out(read: PublicKeys, at: Source) -> str:
    if not read.left_out:
        return ""
    what = f"ConfigMap {at.name}, data key {at.key}, left out: {read.tell()}"
    return f"{what}. The other keys are imported; once read, take these out of the ConfigMap"


def _public_keys(source: Object | None, ref: SetRef, at: Source, algorithm: str) -> PublicKeys | Refusal:
    return _read_source(CONFIGMAPS, source, ref, at, lambda content: read_public_keys(content, algorithm))


def _read_source(
    resource: Resource, source: Object | None, ref: SetRef, at: Source, read: Callable[[bytes], Found]
) -> Found | Refusal:
    """Return the content of a source, or why it cannot be used. Without consent nothing of it is read."""
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


def _with_published_kid(key: ForeignKey, published: Public) -> ForeignKey:
    """Return the key with the kid of its issuer, if it has no kid."""
    if not key.named and key.public:
        for public in published:
            if thumbprint(public) == thumbprint(key.public):
                return key.called(str(public["kid"]))
    return key


def _fresh_key(key: ForeignKey) -> FreshKey:
    members = key.private.reveal()
    return FreshKey(key.private.kid, str(members["alg"]), thumbprint(members), dict(key.public))


def _fresh_public_key(public: Mapping[str, object]) -> FreshKey:
    return FreshKey(str(public["kid"]), str(public["alg"]), thumbprint(public), dict(public), has_private=False)
