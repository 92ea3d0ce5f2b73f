"""The state of one worker: its counters, and how it serves each set."""

from dataclasses import asdict, dataclass
from typing import Any

from jwks_operator.httpd.counters import Stats


@dataclass(frozen=True, slots=True)
class SetState:
    """How one set is served by one worker; `changed` and `modified` are Unix times, `etag` the whole hash."""

    name: str
    loaded: bool
    etag: str = ""
    keys: int = 0
    changed: float = 0.0
    refused: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of one worker at one time, as plain values for JSON."""

    stats: Stats
    sets: tuple[SetState, ...]
    draining: bool
    rss: int
    cpu: float

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Snapshot":
        """Return the snapshot from the JSON values of `to_json`."""
        stats = dict(told["stats"])
        stats["codes"] = {int(code): count for code, count in stats["codes"].items()}
        sets = tuple(SetState(**each) for each in told["sets"])
        return cls(Stats(**stats), sets, told["draining"], told["rss"], told["cpu"])

    @property
    def ready(self) -> bool:
        """Whether every set has good content and the server does not shut down."""
        return not self.draining and all(each.loaded for each in self.sets)
