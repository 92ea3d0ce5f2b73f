"""The pages as the site has them, and the links that are followed when it is built."""

from pathlib import Path

from website.links import find_broken_links
from website.pages import read_navigation, set_links

REPOSITORY = "https://example.com/blob/v1"


def test_a_link_between_pages_stays_as_it_is() -> None:
    assert set_links("[a](serving.md#tls) [b](#here)", "docs/a.md", REPOSITORY) == "[a](serving.md#tls) [b](#here)"
    assert set_links("[a](../serving.md)", "docs/adr/0001.md", REPOSITORY) == "[a](../serving.md)"
    assert set_links("![a](img/a.svg)", "docs/a.md", REPOSITORY) == "![a](img/a.svg)"


def test_a_link_out_of_the_pages_leads_into_the_repository() -> None:
    shown = set_links("[it](../examples/issuer.yaml)", "docs/a.md", REPOSITORY)
    assert shown == f"[it]({REPOSITORY}/examples/issuer.yaml)"
    assert set_links("[it](performance.json)", "docs/a.md", REPOSITORY) == f"[it]({REPOSITORY}/docs/performance.json)"


def test_a_page_that_stands_elsewhere_is_found_from_both_sides() -> None:
    assert set_links("[c](../helm/jwks-operator/README.md#x)", "docs/a.md", REPOSITORY) == "[c](chart.md#x)"
    path = "helm/jwks-operator/README.md"
    assert set_links("[o](../../docs/operations.md)", path, REPOSITORY) == "[o](operations.md)"
    assert set_links("[o](docs/faq.md)", "CONTRIBUTING.md", REPOSITORY) == "[o](faq.md)"


def test_a_link_to_another_host_is_left_alone() -> None:
    text = "[a](https://example.org/a) [b](mailto:a@example.org)"
    assert set_links(text, "docs/a.md", REPOSITORY) == text


def test_the_navigation_has_the_order_of_the_index() -> None:
    index = """\
Start: [one](one.md).

| I want to | page |
|---|---|
| two | [two](two.md#x), [one](one.md) |

| Reference | |
|---|---|
| chart | [chart](../helm/jwks-operator/README.md) |
| code | [code](../examples) |
"""
    assert read_navigation(index) == [("", ["one.md"]), ("I want to", ["two.md"]), ("Reference", ["chart.md"])]


def test_every_broken_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "index.html").write_text('<h1 id="top">x</h1><a href="../index.html#a">x</a>')
    (tmp_path / "index.html").write_text(
        '<a id="a" href="there/#top">x</a> <a href="there/#gone">x</a> <a href="gone/">x</a>'
        '<a href="https://example.com">x</a> <script src="https://example.com/a.js"></script>'
    )
    assert find_broken_links(tmp_path) == [
        "index.html: loads https://example.com/a.js",
        "index.html: gone/",
        "index.html: there/#gone",
    ]
