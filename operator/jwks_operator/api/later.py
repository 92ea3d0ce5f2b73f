"""The shape of fields whose behaviour comes with later versions.

They are in the schema so that `kubectl explain` and editors know them, and every one of them is refused
when set (see the `refused(...)` rules in `spec.py`): a field is never silently ignored.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from jwks_operator.api.fields import ObjectName
from jwks_operator.api.rules import Model

_Text = Annotated[str, Field(min_length=1, max_length=256)]


class Preset(StrEnum):
    """Known verifiers, each with its timing facts."""

    ISTIO = "Istio"
    ENVOY = "Envoy"
    DOTNET = "DotNet"
    JWKS_RSA = "JwksRsa"


class MatchExpression(Model):
    """One requirement of a label selector."""

    key: _Text
    """Label key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the value is compared."""
    values: Annotated[tuple[_Text, ...], Field(max_length=32)] | None = None
    """Values for In and NotIn."""


class NamespaceSelector(Model):
    """Which namespaces get a copy."""

    match_labels: Annotated[dict[str, _Text], Field(max_length=32)] | None = None
    """Labels that the namespace must have."""
    match_expressions: Annotated[tuple[MatchExpression, ...], Field(max_length=32)] | None = None
    """Requirements that the namespace must meet."""


class RestartTarget(Model):
    """A workload that is restarted."""

    kind: Literal["Deployment", "StatefulSet", "DaemonSet"]
    """Kind of the workload."""
    name: ObjectName
    """Name of the workload in the namespace of the set."""


class Restart(Model):
    """Workloads that read the Secret only at their start."""

    targets: Annotated[tuple[RestartTarget, ...], Field(min_length=1, max_length=16)]
    """Workloads to restart after a key was activated; each consents by the label
    jwks-operator.dev/allow-set."""
