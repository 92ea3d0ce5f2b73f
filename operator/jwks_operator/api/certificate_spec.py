"""Where the certificate of a key comes from, and how long it lives."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from jwks_operator.api.admission_rules import Model, Pattern, Rule
from jwks_operator.api.durations import AtLeast, Duration, cel_is_duration
from jwks_operator.api.fields import UNIQUE, ObjectName

DEFAULT_DURATION = timedelta(days=90)
_SHORTEST = "1h"
_BOTH = "has(self.duration) && has(self.renewBefore)"
_READABLE = f"{cel_is_duration('self.duration')} && {cel_is_duration('self.renewBefore')}"
_DEFAULT = "2160h"


class ObjectRef(Model):
    """An object in the same namespace."""

    name: ObjectName
    """Name of the object."""


class SelfSigned(Model):
    """A certificate signed by the key itself."""


def _renewed_in_time(certificate: "Certificate") -> bool:
    return certificate.renew_before is None or certificate.renew_before < certificate.life


class Certificate(Model):
    """An X.509 certificate for each key of an entry."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="selfSigned",
            cel="has(self.selfSigned) != has(self.caSecretRef)",
            holds=lambda certificate: (certificate.self_signed is None) != (certificate.ca_secret_ref is None),
            message="a certificate is either selfSigned or signed by the CA of caSecretRef; give exactly one of them",
        ),
        Rule(
            field="renewBefore",
            cel=f"!({_BOTH}) || !({_READABLE}) || duration(self.renewBefore) < duration(self.duration)",
            holds=lambda certificate: certificate.duration is None or _renewed_in_time(certificate),
            message="renewBefore must be shorter than duration",
        ),
        Rule(
            field="renewBefore",
            cel=f"has(self.duration) || !has(self.renewBefore) || !{cel_is_duration('self.renewBefore')} || "
            f"duration(self.renewBefore) < duration('{_DEFAULT}')",
            holds=lambda certificate: certificate.duration is not None or _renewed_in_time(certificate),
            message=f"renewBefore must be shorter than duration, by default {_DEFAULT}",
        ),
    )

    self_signed: SelfSigned | None = None
    """Sign the certificate with the key itself: selfSigned: {}. Not for X25519 and X448, which cannot sign."""
    ca_secret_ref: ObjectRef | None = None
    """Secret of type kubernetes.io/tls in the namespace whose tls.key signs and whose tls.crt (the CA's certificate
    first) follows in the chain. It consents by the label jwks-operator.dev/allow-set with the name of the set. While
    it is missing or does not consent, keys keep their certificate, or have none, and the set is Degraded with
    reason CertificateRefused."""
    common_name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Common name of the subject. Default: the name of the entry."""
    names: Annotated[
        tuple[
            Annotated[
                str,
                Field(min_length=1, max_length=253),
                Pattern("[!-~]+", "must be a DNS name, an IP address or a URI, in ASCII without spaces"),
            ],
            ...,
        ],
        Field(max_length=16),
        *UNIQUE,
    ] = ()
    """Subject alternative names: DNS names, IP addresses and URIs."""
    duration: Annotated[Duration, AtLeast(_SHORTEST, "renewing costs a write and every reader a fetch")] | None = None
    """How long a certificate is valid, at least 1h. Default 2160h (90 days); never longer than the CA's own. A change
    here, of the names or of the issuer brings new certificates, not new keys."""
    renew_before: Annotated[Duration, AtLeast("1m", "verifiers need time to fetch the new one")] | None = None
    """How long before its end a certificate is renewed; the key does not change. Default: a third of duration."""

    @property
    def life(self) -> timedelta:
        """How long a certificate is valid."""
        return DEFAULT_DURATION if self.duration is None else self.duration

    @property
    def renewal_share(self) -> float:
        """The share of its lifetime that a certificate has left at its renewal, also if the CA shortened it."""
        return 1 / 3 if self.renew_before is None else self.renew_before / self.life
