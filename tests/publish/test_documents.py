"""Which objects a set becomes, without a bucket."""

import json

import pytest

from jwks_operator.publish.bucket_documents import list_documents, list_refused_paths
from jwks_operator.serve.shelf import Content, content_of
from publish.world import OPENID, SET
from serve.sets import DISCOVERY, EC, jwks, jws


def content(paths: list[str]) -> Content:
    files = {
        "jwks.json": jwks(EC),
        "openid-configuration": json.dumps(DISCOVERY).encode(),
        "historical.jwt": jws({"keys": [EC]}),
        "zz-serve.json": json.dumps({"paths": {"jwks": paths}}).encode(),
    }
    return content_of(files, None, 0.0)


def test_discovery_is_last() -> None:
    names = [document.name for document in list_documents(content(["/oauth/keys", "/.well-known/jwks.json"]))]
    assert names == [SET, "oauth/keys", "historical.jwt", OPENID]


@pytest.mark.parametrize("path", ["/a//b", "/a/", "/", f"/{OPENID}", "/historical.jwt"])
def test_a_path_that_no_object_can_have_gets_none_and_is_named(path: str) -> None:
    found = content([path])
    assert [document.name for document in list_documents(found)] == [SET, "historical.jwt", OPENID]
    assert list(list_refused_paths(found)) == [path]
    assert list_documents(found)[-1].body == json.dumps(DISCOVERY).encode()
