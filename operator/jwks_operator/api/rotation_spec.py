"""When keys are replaced."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from jwks_operator.api.admission_rules import Model, Rule
from jwks_operator.api.durations import AtLeast, Duration
from jwks_operator.api.fields import CronExpression, Moment, TimeZone


class RotationPolicy(StrEnum):
    """Who starts a rotation."""

    SCHEDULED = "Scheduled"
    MANUAL = "Manual"


class Prepublish(StrEnum):
    """When the successor of a key is created and published."""

    ALWAYS = "Always"
    ON_SCHEDULE = "OnSchedule"


class Window(Model):
    """A recurring span of time in which activations may happen."""

    schedule: CronExpression
    """Five-field cron expression of the moments at which the window opens."""
    duration: Annotated[Duration, AtLeast("1ms", "a window must be open for a while")]
    """How long the window stays open, for example 2h."""


class Freeze(Model):
    """A span of time in which nothing is activated."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="to",
            cel="self.from < self.to",
            holds=lambda freeze: freeze.from_ < freeze.to,
            message="to must be later than from; move it",
        ),
    )

    from_: Annotated[Moment, Field(alias="from")]
    """First moment of the freeze, RFC 3339."""
    to: Moment
    """End of the freeze, RFC 3339."""


class Rotation(Model):
    """When keys are replaced."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="schedule",
            cel="!(has(self.every) && has(self.schedule))",
            holds=lambda rotation: rotation.every is None or rotation.schedule is None,
            message="every and schedule exclude each other; remove one of them",
        ),
        Rule(
            field="timeZone",
            cel="!has(self.timeZone) || has(self.schedule) || has(self.windows)",
            holds=lambda rotation: rotation.time_zone is None or bool(rotation.schedule or rotation.windows),
            message="timeZone has a meaning only with schedule or windows; add one of them or remove timeZone",
        ),
    )

    policy: RotationPolicy = RotationPolicy.SCHEDULED
    """Scheduled (default): keys are replaced by every or schedule. Manual: only on request, by the
    annotation jwks-operator.dev/rotate; every and schedule then wait until the policy is Scheduled
    again."""
    every: Annotated[Duration, AtLeast("1ms", "a key must be used before it is replaced")] | None = None
    """How long a key is active before its successor becomes active, for example 720h. Default 720h (30 days)
    unless schedule is set. A changed value applies to existing keys, too. An interval shorter than the lead
    is reported as a condition."""
    schedule: CronExpression | None = None
    """Five-field cron expression of the times at which successors become active, for example 0 3 1 * * (03:00
    on the first of each month). Excludes every."""
    time_zone: TimeZone | None = None
    """IANA name of the time zone of schedule and windows, for example Europe/Berlin. Default UTC."""
    windows: Annotated[tuple[Window, ...], Field(max_length=16)] | None = None
    """Activations happen only inside these windows, also requested ones; an emergency (a request with a
    trailing !), a roll-back and a revocation do not wait for them. Default: at any time."""
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=16)] | None = None
    """Nothing is activated inside these spans, with the exceptions of windows."""
    jitter: Duration | None = None
    """Scheduled activations are delayed by up to this time, evenly over many sets and always equally for one
    key, so that sets with the same schedule do not rotate at once. Default 0s."""
    prepublish: Prepublish = Prepublish.ALWAYS
    """Always (default): the successor is published at once, so that an emergency rotation need not wait.
    OnSchedule: it is created and published only one lead before it is due."""
    rollback_window: Duration | None = None
    """How long a retired signing key keeps its private half, so that a rotation can be rolled back.
    Default: the lead. Longer means safer roll-backs and more private keys at rest; 0s destroys the private
    half at once. Keys stay published for at least this long."""
