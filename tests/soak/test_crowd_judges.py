"""The judges of a crowd judge: too early, too late, misplaced and leaked keys do not pass them, and growth does not."""

import base64
import json
import time
from itertools import count

import pytest

from cluster.chronicle import Object, Sighting
from jwks_operator.keys.algorithms import KeyClass
from soak.health import slope, thirds
from soak.judges import KEYRING, Bounds, Leaks, Witness

BOUNDS = {
    KeyClass.SIGNATURE: Bounds(10, 20), KeyClass.ENCRYPTION: Bounds(10, 30), KeyClass.SYMMETRIC: Bounds(10, 20),
}  # fmt: skip
ALGORITHMS = {"a": "ES256", "b": "ES256", "c": "ES256", "e": "ECDH-ES", "f": "ECDH-ES", "h": "HS256", "i": "HS256"}
PRIVATE = "nothing-of-this-may-be-seen-anywhere-else-0"
_versions = count(1)


def sighting(at: float, kind: str, data: dict[str, str], name: str = "auth", change: str = "MODIFIED") -> Sighting:
    meta: Object = {"name": name, "resourceVersion": str(next(_versions)), "labels": {"jwks-operator.dev/set": "auth"}}
    return Sighting(at, change, {"kind": kind, "metadata": meta, "data": data})


def publishing(at: float, kids: str) -> Sighting:
    keys = [{"kid": kid, "alg": ALGORITHMS[kid]} for kid in kids]
    return sighting(at, "ConfigMap", {"jwks.json": json.dumps({"keys": keys})})


def mounting(at: float, used: str, opening: str = "") -> Sighting:
    """The consumer Secret with these kids in use, an entry for each algorithm, and these ones to open with."""
    texts = {
        f"{ALGORITHMS[kid]}.{what}": text for kid in used for what, text in (("kid", kid), ("alg", ALGORITHMS[kid]))
    }
    for kid in opening:
        known = [{"kid": other, "alg": ALGORITHMS[kid]} for other in opening if ALGORITHMS[other] == ALGORITHMS[kid]]
        texts[f"{ALGORITHMS[kid]}.jwks"] = json.dumps({"keys": known})
    return sighting(at, "Secret", {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()})


BEGINNING = [publishing(0, "a"), mounting(0, "a")]
SEALED = [mounting(0, "e", "e"), publishing(0, "e")]
SHARED = [mounting(0, "h", "h")]


@pytest.mark.parametrize(
    ("life", "objection"),
    [
        ([*BEGINNING, publishing(5, "ab"), mounting(15, "b"), publishing(35, "b")], ""),
        ([*BEGINNING, publishing(5, "ab"), mounting(13, "b")], "b was used 8.00 s after it was shown"),
        ([*BEGINNING, publishing(5, "ab"), mounting(15, "b"), publishing(33, "b")], "a was removed 18.00 s after its"),
        ([*BEGINNING, publishing(5, "a"), mounting(15, "b")], "b is used and nobody can check it"),
        ([*BEGINNING, publishing(1, "b")], "a was taken from those who check while it was in use"),
        ([*BEGINNING, publishing(5, "ab"), mounting(15, "b"), mounting(30, "a")], "a was used again"),
        ([*BEGINNING, publishing(5, "ab"), publishing(6, "a"), publishing(7, "ab")], "b came back"),
        ([*BEGINNING, publishing(5, "ah")], "symmetric keys are published: ['h']"),
        ([*SEALED, mounting(5, "e", "ef"), publishing(15, "f"), mounting(45, "f", "f")], ""),
        ([*SEALED, mounting(5, "e", "ef"), publishing(13, "f")], "f was used 8.00 s after it was shown"),
        ([*SEALED, mounting(5, "e", "ef"), publishing(15, "f"), mounting(43, "f", "f")], "e was removed 28.00 s after"),
        ([*SHARED, mounting(5, "h", "hi"), mounting(15, "i", "hi"), mounting(35, "i", "i")], ""),
        ([*SHARED, mounting(5, "h", "hi"), mounting(13, "i", "hi")], "i was used 8.00 s after it was shown"),
    ],
)
def test_the_witness_objects_to_what_must_not_be(life: list[Sighting], objection: str) -> None:
    witness = Witness(BOUNDS)
    for seen in life:
        witness.take(seen)
    assert [objection in told for told in witness.objections] == ([True] if objection else [])


def test_a_revoked_key_may_go_at_once_and_its_successor_need_not_wait() -> None:
    witness = Witness(BOUNDS)
    for seen in BEGINNING:
        witness.take(seen)
    witness.revoked("auth", "a")
    for seen in (publishing(1, "b"), mounting(1, "b")):
        witness.take(Sighting(time.time(), seen.type, seen.object))
    assert witness.objections == []


def test_what_somebody_else_wrote_is_not_the_operators_to_answer_for() -> None:
    witness = Witness(BOUNDS)
    damaged = publishing(1, "")
    witness.edited(damaged.object)
    for seen in (*BEGINNING, damaged, publishing(2, "a")):
        witness.take(seen)
    assert witness.objections == []


def test_a_set_whose_record_was_removed_begins_anew() -> None:
    witness = Witness(BOUNDS)
    removed = sighting(5, "Secret", {}, name=f"auth{KEYRING}", change="DELETED")
    for seen in (*BEGINNING, removed, publishing(20, "b"), mounting(20, "b")):
        witness.take(seen)
    assert witness.objections == []


def test_a_leak_is_found_wherever_it_is() -> None:
    leaks = Leaks()
    jwk = base64.b64encode(json.dumps({"kty": "oct", "k": PRIVATE}).encode()).decode()
    leaks.take(sighting(0, "Secret", {"sessions.jwk": jwk}))
    leaks.take(sighting(1, "ConfigMap", {"jwks.json": json.dumps({"keys": []})}))
    leaks.look("log", f"all is well with {PRIVATE[:-1]}")
    assert not leaks.found
    leaks.take(sighting(2, "ConfigMap", {"jwks.json": json.dumps({"keys": [{"k": PRIVATE}]})}))
    leaks.look("metrics", f'sets{{kid="{PRIVATE}"}} 1')
    assert set(leaks.found) == {"ConfigMap auth", "metrics"}


def test_growth_is_told_from_noise() -> None:
    times = [float(second) for second in range(90)]
    noisy = [100.0 + second % 7 for second in range(90)]
    wild = [*noisy[:-5], *([1000.0] * 5)]
    growing = [value + 0.1 * second for second, value in enumerate(noisy)]
    assert abs(slope(times, noisy)) < 0.01
    assert abs(slope(times, wild)) < 0.03 < 900 / 90
    assert slope(times, growing) == pytest.approx(0.1, abs=0.01)
    assert thirds(noisy) == (103.0, 103.0)
