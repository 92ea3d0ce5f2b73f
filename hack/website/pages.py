"""The pages of the site: those of docs/, and four that stand elsewhere in the tree, with their links set right."""

import re
import shutil
from pathlib import Path
from posixpath import normpath

from generated import ROOT

DOCS = ROOT / "docs"
ELSEWHERE = {
    "helm/jwks-operator/README.md": "chart.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages outside of docs/ that the site has too: path in the tree → path on the site."""
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def write_pages(directory: Path, repository: str) -> None:
    """Write every page and picture; what is no page is a link into `repository`, a URL such as …/blob/v0.1.0."""
    shutil.copytree(DOCS, directory, ignore=shutil.ignore_patterns("*.md", "*.json"))
    for page in sorted(DOCS.rglob("*.md")):
        path = page.relative_to(ROOT).as_posix()
        (directory / page.relative_to(DOCS)).write_text(set_links(page.read_text(), path, repository))
    for path, name in ELSEWHERE.items():
        (directory / name).write_text(set_links((ROOT / path).read_text(), path, repository))


def set_links(text: str, path: str, repository: str) -> str:
    """Return a page with its relative links as the site needs them. `path` is where the page is in the tree."""
    folder = path.rpartition("/")[0]
    depth = path.removeprefix("docs/").count("/") if path.startswith("docs/") else 0

    def replace(found: re.Match[str]) -> str:
        target = normpath(f"{folder}/{found[2]}" if folder else found[2])
        if (page := page_of(target)) is None:
            return f"{found[1]}{repository}/{target}{found[3]}"
        return f"{found[1]}{'../' * depth}{page}{found[3]}"

    return LINK.sub(replace, text)


def page_of(target: str) -> str | None:
    """Return where a file of the tree is on the site, None if it is not there."""
    if target in ELSEWHERE:
        return ELSEWHERE[target]
    inside = target.startswith("docs/") and not target.endswith(".json")
    return target.removeprefix("docs/") if inside else None


def read_navigation(index: str) -> list[tuple[str, list[str]]]:
    """Return the sections of the site with their pages, in the order in which docs/README.md names them.

    A section is a table there, and its first column's head the title; the pages before the first table have none.
    """
    sections: list[tuple[str, list[str]]] = [("", [])]
    named: set[str] = set()
    lines = index.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("| ") and lines[number + 1 : number + 2] and lines[number + 1].startswith("|---"):
            sections.append((line.strip("| ").split("|")[0].strip(), []))
        for target in re.findall(r"\]\(([^)#\s:]+\.md)", line):
            page = page_of(normpath(f"docs/{target}"))
            if page is not None and page not in named:
                named.add(page)
                sections[-1][1].append(page)
    return [each for each in sections if each[1]]
