"""What clients get under which path, header by header (RFC 9110, RFC 9111, the Fetch standard)."""

import gzip
import json
import re
import time
from collections.abc import Mapping

import pytest

from jwks_operator.httpd.reply import Reply, http_date
from jwks_operator.httpd.request import Request
from jwks_operator.serve.shelf import Shelf, content_of
from jwks_operator.serve.site import Site
from serve.running import JWKS, Answer
from serve.sets import DISCOVERY, EC, HISTORICAL, RSA, but, jwks, jws

BODY = jwks(EC, RSA, but(RSA, kid="other"))
CHANGED = time.time() - 3600
DATE = http_date(time.time()).encode()


def site(hints: Mapping[str, object] | None = None, name: str = "", **files: bytes) -> Site:
    shelf = Shelf(name)
    documents = {"jwks.json": BODY, **{key.replace("_", "-"): content for key, content in files.items()}}
    if hints is not None:
        documents["zz-serve.json"] = json.dumps(hints).encode()
    shelf.take(content_of(documents, None, CHANGED))
    return Site([shelf], {})


def ask(place: Site, path: str = JWKS, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-").lower().encode(): value.encode() for name, value in headers.items()}
    return read(place.answer(Request(method.encode(), path.encode(), named), DATE))


def read(reply: Reply) -> Answer:
    head, _, body = next(reply.ring).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first.startswith(f"HTTP/1.1 {reply.status} ")
    assert len({line.partition(":")[0].lower() for line in lines}) == len(lines), "a header twice"
    return Answer(reply.status, dict(line.split(": ", 1) for line in lines), body)


def test_the_set_is_served_byte_by_byte_with_all_its_headers() -> None:
    answer = ask(site({"cacheMaxAge": 100, "staleWindow": 7}))
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (200, BODY)
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers.pop("ETag"))
    control = headers.pop("Cache-Control")
    assert re.fullmatch(r"public, max-age=(9\d|100), stale-while-revalidate=7, stale-if-error=7", control)
    assert headers == {
        "Date": DATE.decode(),
        "Content-Type": "application/jwk-set+json",
        "Content-Length": str(len(BODY)),
        "Last-Modified": http_date(CHANGED),
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def test_ages_are_spread_over_the_last_tenth() -> None:
    place = site({"cacheMaxAge": 1000})
    controls = [ask(place).headers["Cache-Control"] for _ in range(16)]
    ages = sorted(int(control.removeprefix("public, max-age=")) for control in controls)
    assert len(set(ages)) == 16
    assert (ages[0], ages[-1]) == (900, 1000)


@pytest.mark.parametrize("age", [0, 1, 2, 5])
def test_a_short_age_is_neither_lengthened_nor_forbidden_to_be_stored(age: int) -> None:
    assert ask(site({"cacheMaxAge": age})).headers["Cache-Control"] == f"public, max-age={age}"


def test_the_media_type_can_be_switched() -> None:
    assert ask(site({"mediaType": "application/json"})).headers["Content-Type"] == "application/json"


def test_head_is_get_without_the_body() -> None:
    place = site({"cacheMaxAge": 5})
    get, head = ask(place), ask(place, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_who_has_the_set_gets_304_and_what_keeps_it_fresh(method: str, form: str) -> None:
    place = site({"cacheMaxAge": 5})
    full = ask(place)
    answer = ask(place, method=method, If_None_Match=form.format(tag=full.headers["ETag"]))
    assert (answer.status, answer.body) == (304, b"")
    left_out = {"Content-Type", "Content-Length"}
    assert answer.headers == {name: value for name, value in full.headers.items() if name not in left_out}


def test_a_condition_on_time_means_exactly_that_time() -> None:
    place = site()
    assert ask(place, If_Modified_Since=http_date(CHANGED)).status == 304
    assert ask(place, If_Modified_Since=http_date(CHANGED + 60)).status == 200
    assert ask(place, If_Modified_Since=http_date(CHANGED - 60)).status == 200
    assert ask(place, If_Modified_Since=http_date(CHANGED), If_None_Match='"other"').status == 200


@pytest.mark.parametrize("ahead", [0, 3600])
def test_a_change_of_this_second_or_of_the_future_has_no_time_yet(ahead: float) -> None:
    shelf, now = Shelf(), time.time()
    shelf.take(content_of({"jwks.json": BODY}, None, now + ahead))
    request = Request(b"GET", JWKS.encode())
    answer = read(Site([shelf], {}).answer(request, http_date(now).encode()))
    assert "Last-Modified" not in answer.headers


def test_gzip_has_its_own_tag_and_both_say_vary() -> None:
    place = site({"cacheMaxAge": 5})
    plain, packed = ask(place), ask(place, Accept_Encoding="gzip, br")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == BODY
    assert len(packed.body) < len(BODY) * 0.9
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]
    tag = packed.headers["ETag"]
    assert ask(place, Accept_Encoding="gzip", If_None_Match=tag).status == 304
    assert ask(place, If_None_Match=tag).status == 200


def test_what_gzip_cannot_shrink_is_left_as_it_is() -> None:
    shelf = Shelf()
    shelf.take(content_of({"jwks.json": jwks()}, None, CHANGED))
    answer = read(Site([shelf], {}).answer(Request(b"GET", JWKS.encode(), {b"accept-encoding": b"gzip"}), DATE))
    assert answer.body == jwks()
    assert not {"Content-Encoding", "Vary"} & answer.headers.keys()


APP = "https://app.example.com"


def test_only_listed_origins_may_read_if_there_is_a_list() -> None:
    place = site({"cors": {"allowOrigins": [APP]}})
    allowed, other, none = ask(place, Origin=APP), ask(place, Origin="https://evil.example"), ask(place)
    assert allowed.headers["Access-Control-Allow-Origin"] == APP
    assert "Access-Control-Allow-Origin" not in {**other.headers, **none.headers}
    assert allowed.headers["Vary"] == other.headers["Vary"] == none.headers["Vary"] == "Accept-Encoding, Origin"
    assert (other.status, other.body) == (200, BODY)


def test_an_empty_list_switches_cors_off() -> None:
    answer = ask(site({"cors": {"allowOrigins": []}}), Origin=APP)
    assert not [name for name in answer.headers if name.startswith(("Access-Control", "Cross-Origin"))]
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_a_preflight_is_granted_for_reading_only() -> None:
    answer = ask(site(), method="OPTIONS", Origin=APP, Access_Control_Request_Method="GET")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    refused = ask(site({"cors": {"allowOrigins": [APP]}}), method="OPTIONS", Origin="https://evil.example")
    assert "Access-Control-Allow-Methods" not in refused.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_not_allowed(method: str) -> None:
    answer = ask(site(), method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


FOUND = ["/.well-known/jwks.json", "/keys", "/oauth/jwks"]


@pytest.mark.parametrize("path", FOUND)
def test_the_set_has_two_fixed_paths_and_those_of_the_hints(path: str) -> None:
    assert ask(site({"paths": {"jwks": ["/oauth/jwks"]}}), path).body == BODY


def test_documents_that_are_published_are_found_and_others_not() -> None:
    discovery, historical = json.dumps(DISCOVERY).encode(), jws(HISTORICAL)
    files = {"openid_configuration": discovery, "historical.jwt": historical}
    place = site(None, "", **files)
    for name in ("openid-configuration", "oauth-authorization-server", "jwt-vc-issuer"):
        metadata = ask(place, f"/.well-known/{name}")
        assert (metadata.body, metadata.headers["Content-Type"]) == (discovery, "application/json")
        assert ask(site(), f"/.well-known/{name}").status == 404
    former = ask(place, "/historical.jwt")
    assert (former.body, former.headers["Content-Type"]) == (historical, "application/jwk-set+jwt")


@pytest.mark.parametrize("name", ["oauth-authorization-server", "jwt-vc-issuer"])
def test_the_metadata_of_an_issuer_with_a_path_stands_before_it_too(name: str) -> None:
    discovery = json.dumps({**DISCOVERY, "issuer": "https://auth.example.com/shop/eu/"}).encode()
    place = site(None, "", openid_configuration=discovery)
    assert ask(place, f"/.well-known/{name}/shop/eu").body == discovery
    assert ask(place, f"/.well-known/{name}").body == discovery
    named = site(None, "mail", openid_configuration=discovery)
    assert ask(named, f"/.well-known/{name}/mail").body == discovery
    assert ask(named, f"/mail/.well-known/{name}").body == discovery
    assert ask(named, f"/.well-known/{name}/shop/eu").status == 404, "another set may be called so"
    assert ask(place, "/.well-known/openid-configuration/shop/eu").status == 404, "OpenID appends alone"


@pytest.mark.parametrize(
    "path",
    ["/", "", "/jwks.json", "/zz-serve.json", "/.well-known/zz-serve.json", "/.well-known/../../etc/hostname",
     "/.well-known/jwks.json/", "//keys", "/KEYS", "/%6beys", "*"],
)  # fmt: skip
def test_nothing_else_is_there(path: str) -> None:
    answer = ask(site(), path)
    assert answer.status == 404
    assert answer.headers["Cache-Control"] == "no-cache"
    assert ask(site(), path, "HEAD").body == b""


def test_several_sets_live_below_their_names() -> None:
    one, two = Shelf("one"), Shelf("two")
    one.take(content_of({"jwks.json": jwks(EC)}, None, CHANGED))
    place = Site([one, two], {})
    assert ask(place, "/one/keys").body == jwks(EC)
    assert ask(place, "/two/keys").status == 503
    assert ask(place, "/keys").status == 404
    two.take(content_of({"jwks.json": jwks(RSA)}, None, CHANGED))
    place.rebuild()
    assert ask(place, "/two/.well-known/jwks.json").body == jwks(RSA)


def test_before_the_first_set_it_is_503_and_comes_back() -> None:
    place = Site([Shelf()], {})
    for path in (JWKS, "/keys", "/.well-known/openid-configuration"):
        answer = ask(place, path)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert ask(place, "/").status == 404


def test_the_server_as_a_whole_has_options() -> None:
    assert ask(site(), "*", "OPTIONS").status == 204


def test_a_last_answer_says_so() -> None:
    reply = site().answer(Request(b"GET", JWKS.encode(), last=True), DATE)
    assert reply.final
    assert read(reply).headers["Connection"] == "close"
