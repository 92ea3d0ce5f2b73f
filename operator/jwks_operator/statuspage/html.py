"""HTML by construction: text is escaped, only values of the type Html are not."""

from collections.abc import Mapping
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def render_element(tag: str, *children: str | None, **attributes: str) -> Html:
    """Return an element; children that are not Html are escaped, None is left out.

    An attribute with a name that Python reserves ends with an underscore, and any other underscore is a hyphen:
    `class_`, `aria_label`.
    """
    return Html(f"<{tag}{_named(attributes)}>{join_html(*children)}</{tag}>")


def join_html(*children: str | None) -> Html:
    """Return the parts joined, escaped where they are not Html."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))


def render_void(tag: str, **attributes: str) -> Html:
    """Return an element that has no content, such as `input`."""
    return Html(f"<{tag}{_named(attributes)}>")


def _named(attributes: Mapping[str, str]) -> str:
    """Write attributes: `class_` is class, `aria_label` is aria-label."""
    return "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())


def render_link(target: str, *children: str) -> Html:
    """Return a link."""
    return render_element("a", *children, href=target)


def render_table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> Html:
    """Return a table with a head; each cell is text or Html."""
    head = render_element("tr", *(render_element("th", title, scope="col") for title in titles))
    body = [render_element("tr", *(render_element("td", cell) for cell in row)) for row in rows]
    return render_element("table", render_element("thead", head), render_element("tbody", *body))
