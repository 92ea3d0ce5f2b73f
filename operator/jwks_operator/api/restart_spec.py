"""The workloads to restart when the keys in the Secret change, and the duration of their roll-out."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from jwks_operator.api.admission_rules import Model
from jwks_operator.api.defaults import DEFAULT_RESTART_WITHIN, LEAD_TERMS, RESTART, RETENTION_TERMS, describe_owed_terms
from jwks_operator.api.durations import AtLeast, Duration
from jwks_operator.api.fields import SelectedLabels
from jwks_operator.api.namespaces_spec import MatchExpression, NamespaceSelector


class WorkloadSelector(NamespaceSelector):
    """Workloads by their labels; all parts must match."""

    match_labels: SelectedLabels | None = None
    """Labels that the workload must have, with these values."""
    match_expressions: Annotated[tuple[MatchExpression, ...], Field(max_length=32)] | None = None
    """Requirements that the labels of the workload must meet."""


class Restart(Model):
    """Workloads that read the Secret only when they start."""

    selector: WorkloadSelector | None = None
    """Which of the Deployments, StatefulSets and DaemonSets in the namespace of the set are restarted. Each of them
    must consent by the label jwks-operator.dev/allow-set: <name of the set>. Default: all that consent."""
    within: Annotated[
        Annotated[Duration, AtLeast("1s", "a roll-out takes its time")] | None,
        Field(
            description="Longest time from the change of the Secret until the last pod has started again: the whole "
            "roll-out, with images to pull and probes to pass. Default 10m. It is part of the waits that end with the "
            f"Secret: of the lead of {describe_owed_terms(LEAD_TERMS, RESTART)}, and of the retention of "
            f"{describe_owed_terms(RETENTION_TERMS, RESTART)}. If it is too short here, tokens of a pod that still "
            "runs with a former key fail before they expire."
        ),
    ] = None

    @property
    def takes(self) -> timedelta:
        """The duration of the roll-out, stated or default."""
        return DEFAULT_RESTART_WITHIN if self.within is None else self.within
