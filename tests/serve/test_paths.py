"""No set is served under the name of another one or in the place of a probe, whatever the sets ask for."""

import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.httpd.reply import http_date
from jwks_operator.httpd.request import Request
from jwks_operator.serve.probes import build_admin_pages, build_probes
from jwks_operator.serve.shelf import Shelf, content_of
from jwks_operator.serve.site import RESERVED, Site
from serve.sets import EC, but, jwks

DATE = http_date(time.time()).encode()
NAMES = ("", "shop", "mail", "keys", "well-known")
SEGMENTS = st.sampled_from([*NAMES, "healthz", "readyz", "metrics", ".well-known", "jwks.json", "openid-configuration"])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda parts: "/" + "/".join(parts))
ASKED = st.dictionaries(st.sampled_from(NAMES), st.lists(PATHS, max_size=8), min_size=1)


def body_of(name: str) -> bytes:
    return jwks(but(EC, kid=f"key of {name}"))


def shelf_of(name: str, paths: list[str], *, loaded: bool = True) -> Shelf:
    shelf = Shelf(name)
    if loaded:
        hints = json.dumps({"paths": {"jwks": paths}}).encode()
        files = {"jwks.json": body_of(name), "openid-configuration": b'{"issuer":"https://a"}', "zz-serve.json": hints}
        shelf.take(content_of(files, None, 0.0))
    return shelf


def got(site: Site, path: str) -> tuple[int, bytes]:
    reply = site.answer(Request(b"GET", path.encode()), DATE)
    return reply.status, next(reply.ring).partition(b"\r\n\r\n")[2]


@given(asked=ASKED, loaded=st.sets(st.sampled_from(NAMES)), alone=st.booleans())
def test_a_set_is_found_below_its_own_name_only(asked: dict[str, list[str]], loaded: set[str], *, alone: bool) -> None:
    logging.disable()
    shelves = [shelf_of(name, paths, loaded=name in loaded) for name, paths in asked.items()]
    own = build_probes(list, 1) if alone else {}
    site = Site(shelves, own)
    logging.disable(logging.NOTSET)
    every = {path for paths in asked.values() for path in paths} | {"/keys", "/.well-known/jwks.json", *RESERVED}
    for path in every | {f"/{name}{path}" for name in asked for path in every}:
        status, body = got(site, path)
        owner = next((name for name in asked if name and path.startswith(f"/{name}/")), "")
        if path in RESERVED:
            assert status == (503 if path == "/readyz" else 200) if path in own else status == 404
        elif status == 200 and b'"keys"' in body:
            assert body == body_of(owner), (path, owner)
    for name in asked.keys() & loaded:
        prefix = f"/{name}" if name else ""
        assert name == "" or got(site, f"{prefix}/.well-known/jwks.json") == (200, body_of(name))


@pytest.mark.parametrize(
    "path", ["/shop/.well-known/jwks.json", "/shop", "/shop/", "/shop/new", "/healthz", "/readyz", "/metrics"]
)
@pytest.mark.parametrize("loaded", [True, False])
def test_a_set_without_a_name_does_not_take_over(path: str, *, loaded: bool, caplog: pytest.LogCaptureFixture) -> None:
    site = Site([shelf_of("", [path, "/fine"]), shelf_of("shop", [], loaded=loaded)], build_probes(list, 1))
    assert got(site, path)[1] != body_of("")
    assert got(site, "/fine") == (200, body_of(""))
    assert f"not served at {path}: the path is another set's or a probe's" in caplog.text
    caplog.clear()
    site.rebuild()
    assert caplog.text == ""


def test_the_names_that_no_set_may_have_are_those_of_the_probes() -> None:
    assert build_admin_pages(list, 1).keys() == RESERVED
