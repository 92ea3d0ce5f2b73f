"""The commands of docs/operations.md, by the section that they stand in."""

import re
from pathlib import Path

from e2e.stage import ROOT, Stage

GUIDE = ROOT / "docs" / "operations.md"


def sections() -> dict[str, str]:
    """The `sh` blocks of each section that has some, as one script, in the order of the page."""
    parts = re.split(r"^## (.+)$", GUIDE.read_text(), flags=re.MULTILINE)
    found = {title: "\n".join(_blocks(text)) for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    return {title: script for title, script in found.items() if script}


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class Guide:
    """docs/operations.md, followed section by section, in order."""

    def __init__(self, stage: Stage, backup: Path) -> None:
        self._stage = stage
        self._variables = {"IMAGE": stage.image.rpartition(":")[0], "BACKUP": str(backup), "USER": "somebody"}
        self._left = sections()

    def follow(self, title: str) -> str:
        """Do what the next section says, which must be this one; return what its commands printed."""
        following = next(iter(self._left))
        assert following == title, f"docs/operations.md goes on with {following}"
        return self._stage.shell(self._left.pop(title), self._variables)

    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return not self._left
