"""The judges of this directory judge: a leak, an early use and an early removal do not pass them."""

import base64
import json
from itertools import count

import pytest
from jwcrypto.jwk import JWK

from cluster.chronicle import Object, Sighting
from cluster.reading import leaks
from cluster.witness import Witness

KEYS = [JWK.generate(kty="EC", crv="P-256", alg="ES256", use="sig") for _ in range(2)]
KIDS = [key.thumbprint() for key in KEYS]
LEAD, RETENTION = 10.0, 20.0
_versions = count(1)


def sighting(at: float, kind: str, data: dict[str, str]) -> Sighting:
    meta = {"name": "auth", "resourceVersion": str(next(_versions))}
    return Sighting(at, "MODIFIED", {"kind": kind, "metadata": meta, "data": data})


def publishing(at: float, *keys: int) -> Sighting:
    jwks = {"keys": [{**KEYS[key].export_public(as_dict=True), "kid": KIDS[key]} for key in keys]}
    return sighting(at, "ConfigMap", {"jwks.json": json.dumps(jwks)})


def using(at: float, key: int, pem: int | None = None) -> Sighting:
    files: dict[str, bytes] = {
        "signing.jwk": json.dumps({**KEYS[key].export_private(as_dict=True), "kid": KIDS[key]}).encode(),
        "signing.pem": KEYS[key if pem is None else pem].export_to_pem(private_key=True, password=None),
        "signing.kid": KIDS[key].encode(),
        "signing.alg": b"ES256",
    }
    return sighting(at, "Secret", {name: base64.b64encode(content).decode() for name, content in files.items()})


@pytest.mark.parametrize(
    ("life", "objection"),
    [
        ([publishing(0, 0), using(0, 0), publishing(5, 0, 1), using(15, 1), publishing(35, 1)], ""),
        ([publishing(0, 0), using(0, 0), publishing(5, 0, 1), using(14, 1)], "was used 9.00 s after its publication"),
        (
            [publishing(0, 0), using(0, 0), publishing(5, 0, 1), using(15, 1), publishing(34, 1)],
            "was removed 19.00 s after its last use",
        ),
        ([publishing(0, 0), using(0, 0), using(15, 1)], "is used and not published"),
        ([publishing(0, 0), using(0, 0), publishing(1, 1)], "left the published set while it was in use"),
        ([publishing(0, 0, 1), using(0, 0), using(15, 1), using(16, 0)], "was used again"),
        ([publishing(0, 0, 1), using(0, 0, pem=1)], "hold different keys"),
        ([publishing(0, 0, 1), publishing(1, 0), publishing(2, 0, 1)], "came back"),
    ],
)
def test_the_witness_objects_to_what_must_not_be(life: list[Sighting], objection: str) -> None:
    witness = Witness(LEAD, RETENTION)
    witness.watch(life)
    assert [objection in told for told in witness.objections] == ([True] if objection else [])


@pytest.mark.parametrize("where", ["ConfigMap", "Event", "JsonWebKeySet"])
def test_a_leak_is_found_wherever_it_is(where: str) -> None:
    secret, harmless = using(0, 0), publishing(0, 0)
    private = KEYS[0].export_private(as_dict=True)["d"]
    leak: Object = {"kind": where, "metadata": {"name": "auth", "resourceVersion": "9"}, "message": f"key {private}"}
    assert leaks([secret, harmless], "all is well") == []
    assert leaks([secret, harmless, Sighting(0, "ADDED", leak)], "all is well") == [f"{where} auth"]
    assert leaks([secret, harmless], f"key {private}") == ["log"]


def test_a_line_of_a_pem_file_is_private() -> None:
    pem = KEYS[0].export_to_pem(private_key=True, password=None).decode()
    assert leaks([using(0, 0)], pem) == ["log"]
