"""The layout of the consumer Secret: which key goes into which file.

Private members are named by kid, never held: `kube.consumer_secret` makes the bytes of the files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jwks_operator.core.features.certificate_renewal import find_published_certificate
from jwks_operator.core.model.policy import Policy
from jwks_operator.core.model.record import Certificate, KeyRecord, Record
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.chain import pem_chain
from jwks_operator.keys.secret_files import CHAIN, FILES, JWKS, KID, REF, Form, SecretFile

_CHECKING = frozenset({State.PENDING, State.ACTIVE, State.RETIRED})
"""The states in which receivers and holders need the key."""


@dataclass(frozen=True, slots=True)
class Item:
    """One data key of the consumer Secret: private keys by kid in a form, or a plain text."""

    form: Form
    kids: tuple[str, ...] = ()
    text: str = ""


def secret_layout(record: Record) -> Mapping[str, Item]:
    """Return what stands in the consumer Secret, by data key.

    The active key of each entry in every format that the policy asks for; and each encryption and symmetric key that
    may still be needed to open or verify, because the Secret is the check side of these classes. An entry that
    changes its class can have both in one set: then the active key is the first.
    """
    layout: dict[str, Item] = {}
    for key in record.keys:
        if key.state is State.ACTIVE:
            layout |= _files_of(key, record.policy)
    for entry, kids in _openers(record).items():
        name = JWKS.name_for(entry)
        first = layout[name].kids if name in layout else ()
        layout[name] = Item(Form.JWK_SET, tuple(dict.fromkeys((*first, *kids))))
    return layout


def _files_of(key: KeyRecord, policy: Policy) -> Iterator[tuple[str, Item]]:
    """Yield the files of an active key."""
    certificate = find_published_certificate(policy, key)
    symmetric = key.key_class is KeyClass.SYMMETRIC
    for file in FILES:
        asked = file.format is None or file.format in policy.secret.formats
        if asked and file.suits(symmetric=symmetric, certified=certificate is not None, external=bool(key.ref)):
            text = _text(file, key, certificate)
            yield file.name_for(key.entry), Item(file.form, () if text else (key.kid,), text)


def _text(file: SecretFile, key: KeyRecord, certificate: Certificate | None) -> str:
    """The content of a file without private members; empty for the others."""
    if file.form is not Form.TEXT:
        return ""
    if file is CHAIN and certificate is not None:
        return pem_chain(certificate.x5c).decode("ascii")
    if file is REF:
        return key.ref
    return key.kid if file is KID else str(key.public.get("alg", key.algorithm))


def _openers(record: Record) -> dict[str, tuple[str, ...]]:
    """Per entry, the kids of its encryption and symmetric keys: the active one first, then the newest."""
    opening = [
        key
        for key in record.keys
        if key.key_class is not KeyClass.SIGNATURE and key.has_private and key.state in _CHECKING
    ]
    opening.sort(key=lambda key: (key.created, key.kid), reverse=True)
    opening.sort(key=lambda key: key.state is not State.ACTIVE)
    return {entry: tuple(k.kid for k in opening if k.entry == entry) for entry in {key.entry for key in opening}}
