"""Imports of existing keys, and their sources."""

from typing import ClassVar

from jwks_operator.api.admission_rules import Model, Rule
from jwks_operator.api.fields import DataKey, ObjectName


class ObjectKeyRef(Model):
    """One entry of an object in the same namespace."""

    name: ObjectName
    """Name of the object."""
    key: DataKey
    """Key in its data."""


class External(Model):
    """Keys whose private halves live elsewhere, in a key management service or an HSM."""

    config_map_ref: ObjectKeyRef
    """ConfigMap and key in its data of a JWK Set with the public halves, oldest first, each with a member `ref`: a
    text of yours that names its private half, such as the ARN of a KMS key. It consents by the label
    jwks-operator.dev/allow-set: <name of the set>. A new set uses the first key at once; each further one, one at a
    time, becomes Pending, waits its lead and follows by the schedule. <entry>.ref in the Secret names the key in
    use."""


class Import(Model):
    """Keys that exist already. Each source consents by the label jwks-operator.dev/allow-set: <name of the set>."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="secretRef",
            cel="has(self.secretRef) || has(self.publicRef)",
            holds=lambda item: item.secret_ref is not None or item.public_ref is not None,
            message="import names no source; give secretRef, publicRef or both",
        ),
    )

    secret_ref: ObjectKeyRef | None = None
    """Secret and data key of a private key: PEM with one private key (PKCS#8, PKCS#1, SEC 1), a JWK, or a JWK Set
    with one private key of the algorithm. A kid in it is kept. It is imported once; the entry then rotates with
    generated keys. In a new set it is in use at once, in a living one after its lead. A Secret of type
    kubernetes.io/tls is followed instead: whenever its key is renewed, the new one comes into use after its lead,
    and the entry generates none. Its tls.crt is published with the key as x5c and x5t#S256, unless the entry has a
    certificate of its own."""
    public_ref: ObjectKeyRef | None = None
    """ConfigMap and key in its data or binaryData of a JWK Set with the public keys of another issuer, whose tokens
    are still valid. They are published as Retired keys for a full retention from the moment they are first seen. Keys
    that sign nothing or cannot be read are left out and named in the condition Degraded."""
