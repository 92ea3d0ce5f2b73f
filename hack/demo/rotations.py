"""What the status of the set tells, collected over time: the keys, the next step, the rotations so far."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Rotations:
    """The newest status, and which keys have been in use and are gone again."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    next: dict[str, Any] = field(default_factory=dict)
    ready: str = "not reconciled yet"
    used: set[str] = field(default_factory=set)

    def seen(self, found: Any) -> None:
        """Take in a new version of the set."""
        status = found.get("status") or {}
        self.keys = [key for key in status.get("keys", []) if key["state"] != "Destroyed"]
        self.next = status.get("next") or {}
        for condition in status.get("conditions", []):
            if condition["type"] == "Ready":
                self.ready = f"{condition['status']}, {condition['reason']}: {condition.get('message', '')}"
        self.used |= {key["kid"] for key in self.keys if key["state"] == "Active"}

    @property
    def full(self) -> int:
        """How many keys went all the way: published, used, retired and gone."""
        return len(self.used - {key["kid"] for key in self.keys})
