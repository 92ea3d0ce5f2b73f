"""The pages of the project and the blocks of code in them, and which test proves which block.

The first word behind the fence is the language, as on GitHub; a word behind it says what a block needs:

    sh                 is run, in the order of its page, by test_commands.py on a real control plane
                       (docs/operations.md: by tests/e2e, on a real node)
    sh in-a-pod        names files that only a container has
    sh docker          builds or pushes an image
    sh developer       sets up or checks this repository; CI does nothing else all day
    sh python          installs from a registry
    sh elsewhere       needs a site of the reader's: Argo CD, Flux, Vault, a bucket, a URL
    console            a transcript; its commands stand behind `$ `

All commands are checked for existence, also those that are not run (test_documents.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("hack/**/*.md"), *ROOT.glob("helm/**/*.md")])
OF_USERS = [page for page in PAGES if page == ROOT / "README.md" or page.parent == ROOT / "docs"]
"""The pages whose commands are run."""
ON_A_NODE = ROOT / "docs" / "operations.md"
"""The page whose commands tests/e2e runs."""

SHELL = frozenset({"sh", "console"})
LANGUAGES = SHELL | {"cel", "go", "java", "js", "json", "lua", "mermaid", "python", "text", "yaml"}
NEEDS = {
    "in-a-pod": r"/etc/|/tls/",
    "docker": r"\bdocker\b",
    "developer": r"\bmake\b|\bpython -m\b|\bgo \w+|\bpre-commit\b",
    "python": r"\bpip install\b",
    "elsewhere": r"\bargocd\b|\bflux\b|\bvault\b|\baws\b|https://|s3://",
}
"""What a block must have in it that claims this need, as a pattern."""

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[a-z]*)(?: (?P<mark>[^\n]*))?\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `mark` is what stands behind the language."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """The path of a page in the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[Block]:
    """The blocks of a page in these languages, all if none is named."""
    text = page.read_text()
    return [block for block in _blocks(page, text) if not languages or block.language in languages]


def _blocks(page: Path, text: str) -> Iterator[Block]:
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], found["mark"] or "", dedent(found["text"]))


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of each command line, without comments; a line that ends in a backslash goes on."""
    text = block.text
    if block.language == "console":
        text = "\n".join(re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, re.MULTILINE))
    for line in re.sub(r"\\\n", " ", text).splitlines():
        for part in re.split(r" (?:\||&&) ", line.partition(" #")[0]):
            if words := part.split():
                yield words
