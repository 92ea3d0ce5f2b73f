"""Follows every link of a built site that stays on it: the file must be there, and the place in it."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NOT_FOUND = "404.html"
"""Shown for any path, so its links are absolute: only a server that has the site at its root can follow them."""


class _Reader(HTMLParser):
    """Collects what a page links to and what can be linked to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {""}
        self.loads: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in one element."""
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.places.add(value)
            elif name in {"href", "src"} and value:
                self.links.add(value)
                if tag != "a":
                    self.loads.add(value)


def find_broken_links(site: Path) -> list[str]:
    """Return each link that leads nowhere, as `page: link`, and each file that a page loads from another host."""
    pages = {page: _read(page) for page in sorted(site.rglob("*.html")) if page != site / NOT_FOUND}
    broken = []
    for page, reader in pages.items():
        broken += [f"{page.relative_to(site)}: loads {link}" for link in sorted(reader.loads) if urlsplit(link).netloc]
        broken += [
            f"{page.relative_to(site)}: {link}"
            for link in sorted(reader.links)
            if not urlsplit(link).scheme and not _leads_somewhere(link, page, pages)
        ]
    return broken


def _read(page: Path) -> _Reader:
    reader = _Reader()
    reader.feed(page.read_text())
    return reader


def _leads_somewhere(link: str, page: Path, pages: dict[Path, _Reader]) -> bool:
    parts = urlsplit(link)
    there = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
    there = there / "index.html" if there.is_dir() else there
    if there not in pages:
        return there.exists()
    return unquote(parts.fragment) in pages[there].places or parts.fragment.startswith("__")
