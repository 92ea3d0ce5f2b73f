"""The record of what was tested: one row for each Kubernetes version, in docs/kubernetes-versions.json."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from generated import ROOT

FILE = ROOT / "docs" / "kubernetes-versions.json"


@dataclass(frozen=True)
class Counts:
    """How many tests of a suite ended how, and how long they took, in seconds of all processes together."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0


@dataclass(frozen=True)
class Row:
    """What was run on one Kubernetes version, and when.

    `lacks` is what the API server does not serve, so that its tests were skipped; `repeated` the tests that failed
    beside others and passed when they were repeated alone.
    """

    kubernetes: str
    etcd: str
    date: str
    suites: Mapping[str, Counts]
    lacks: tuple[str, ...] = ()
    repeated: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every test that was run passed."""
        return bool(self.suites) and all(each.passed and not each.failed for each in self.suites.values())

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, to sort by."""
        return tuple(map(int, self.kubernetes.split(".")))

    @property
    def minor(self) -> str:
        """The minor version, for instance "1.30"."""
        return ".".join(self.kubernetes.split(".")[:2])


def read_rows(path: Path = FILE) -> list[Row]:
    """Read the record, oldest version first."""
    return [
        Row(
            kubernetes=each["kubernetes"],
            etcd=each["etcd"],
            date=each["date"],
            suites={name: Counts(**counts) for name, counts in each["suites"].items()},
            lacks=tuple(each["lacks"]),
            repeated=tuple(each["repeated"]),
        )
        for each in json.loads(path.read_text())["versions"]
    ]


def write_rows(rows: Iterable[Row], path: Path = FILE) -> None:
    """Write the record: these rows, and those of other versions as they were."""
    kept = {each.kubernetes: each for each in read_rows(path)} if path.exists() else {}
    kept |= {each.kubernetes: each for each in rows}
    versions = [asdict(each) for each in sorted(kept.values(), key=lambda row: row.number)]
    path.write_text(json.dumps({"versions": versions}, indent=2) + "\n")
