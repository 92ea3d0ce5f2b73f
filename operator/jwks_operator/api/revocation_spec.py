"""Keys that must no longer be trusted."""

from enum import StrEnum
from typing import ClassVar

from jwks_operator.api.admission_rules import Model, Rule
from jwks_operator.api.fields import Kid, Moment


class RevocationReason(StrEnum):
    """Why a key was revoked."""

    KEY_COMPROMISE = "KeyCompromise"
    SUPERSEDED = "Superseded"
    UNSPECIFIED = "Unspecified"


class Revocation(Model):
    """Keys that must no longer be trusted."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="kid",
            cel="has(self.kid) != has(self.createdBefore)",
            holds=lambda item: (item.kid is None) != (item.created_before is None),
            message="an item names either a kid or createdBefore; give exactly one of them",
        ),
    )

    kid: Kid | None = None
    """Key identifier of the one key that is revoked."""
    created_before: Moment | None = None
    """Revokes every key created before this moment, RFC 3339, once the moment has come."""
    reason: RevocationReason = RevocationReason.UNSPECIFIED
    """Why; it is shown in status and in the historical set."""
