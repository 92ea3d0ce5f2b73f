"""What a newcomer sees: the quickstart, kubectl's views of it, and messages that tell what to write instead."""

import json
import re
import time

import jwt
import pytest
from jwcrypto.jwk import JWK

from cluster.reading import condition, files, in_use, published, ready
from cluster.stage import ROOT, Stage, figures

ES256 = {"name": "signing", "algorithm": "ES256"}


@pytest.fixture(scope="module")
def auth(stage: Stage) -> Stage:
    """The quickstart, applied and Ready."""
    begun = time.monotonic()
    done = stage.kubectl("apply", f"--filename={ROOT / 'examples' / 'quickstart.yaml'}")
    assert done.returncode == 0, done.stderr
    stage.until_ready("auth")
    figures.info(f"Ready {time.monotonic() - begun:.1f} s after kubectl apply, with the operator's start")
    return stage


def test_the_quickstart_is_ready_within_seconds(auth: Stage) -> None:
    took = []
    for name in ("second", "third", "fourth"):
        begun = time.monotonic()
        auth.create(name, {"keys": [ES256]})
        auth.until_ready(name)
        took.append(time.monotonic() - begun)
    figures.info(f"Ready {min(took):.2f} s after its creation")
    assert min(took) < 5


def test_consumers_find_the_same_key_as_jwk_and_pem_and_its_public_half_published(auth: Stage) -> None:
    mounted = files(auth.there("Secret", "auth"))
    assert sorted(mounted) == ["signing.alg", "signing.jwk", "signing.kid", "signing.pem"]
    kid = mounted["signing.kid"].decode()
    jwk = JWK.from_json(mounted["signing.jwk"].decode())
    assert JWK.from_pem(mounted["signing.pem"]).thumbprint() == jwk.thumbprint() == kid
    public = published(auth.there("ConfigMap", "auth"))[kid]
    token = jwt.encode({"sub": "somebody"}, mounted["signing.pem"], algorithm=mounted["signing.alg"].decode())
    assert jwt.decode(token, jwt.PyJWK(public), algorithms=["ES256"]) == {"sub": "somebody"}


def test_kubectl_get_shows_useful_columns(auth: Stage) -> None:
    header, row = auth.kubectl("get", "jwks", "auth").stdout.splitlines()
    assert re.split(r"\s{2,}", header) == ["NAME", "READY", "ALGORITHMS", "ACTIVE KID", "NEXT", "AGE"]
    kid = in_use(auth.there("Secret", "auth"))["signing"]
    assert re.fullmatch(rf"auth +True +ES256 +{kid[:8]} +20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ +\d+m?\d*s?", row)


def test_kubectl_get_wide_tells_what_happens_next_and_why(auth: Stage) -> None:
    header, row = auth.kubectl("get", "jwks", "auth", "--output=wide").stdout.splitlines()
    assert re.split(r"\s{2,}", header)[-3:] == ["ACTION", "REASON", "MESSAGE"]
    assert re.split(r"\s{2,}", row)[-3:] == [
        "Activate",
        "KeysInUse",
        "every entry has an active key, and every output is confirmed",
    ]


def test_kubectl_describe_shows_keys_next_move_and_events(auth: Stage) -> None:
    text = auth.kubectl("describe", "jwks", "auth").stdout
    for told in (
        r"State: +Active\n",
        r"State: +Pending\n",
        r"Waiting For: +Schedule\n",
        r"Message: +the schedule\n",
        r"Revocation Latency: +1h10m\n",
        r"Normal +Key\w+ +\S+ +jwks-operator +.*signing.*key",
    ):
        assert re.search(told, text), told


def test_kubectl_explain_explains_the_facts_about_the_world(auth: Stage) -> None:
    def explained() -> str:  # the API server publishes it a moment after the CRD is established
        return " ".join(auth.kubectl("explain", "jwks.spec.timing").stdout.split())

    text = auth.until(explained, "kubectl explain")
    assert "from which the operator derives how long a key is published before (lead) and after (retention)" in text
    assert "tokenLifetime <string> Longest time a token stays valid after it was signed. Default 1h." in text


@pytest.mark.parametrize(
    ("spec", "field", "cure"),
    [
        (
            {"keys": [{"name": "signing", "algorithm": "es256"}]},
            "spec.keys[0].algorithm: Unsupported value",
            'supported values: "ES256", ',
        ),
        (
            {"keys": [{"name": "signing.v1", "algorithm": "ES256"}]},
            "spec.keys[0].name: Invalid value",
            "must be a DNS label: lower-case letters, digits and -, no dots, no - at either end",
        ),
        (
            {"keys": [ES256], "timing": {"lead": "5m"}},
            "spec.timing.lead: Invalid value",
            "lead 5m is shorter than propagation 5m + cacheMaxAge 5m + "
            "staleWindow 0s + edgeCache 0s + verifierRefresh 1h; lengthen it, or remove lead to have it computed",
        ),
        (
            {"keys": [ES256], "timing": {"tokenLifetime": "8 hours"}},
            "spec.timing.tokenLifetime: Invalid value",
            "must be a duration such as 90s, 15m, 1h30m or 720h",
        ),
        (
            {"keys": [ES256], "rotation": {"every": "1h", "schedule": "0 3 1 * *"}},
            "spec.rotation.schedule: Invalid value",
            "every and schedule exclude each other; remove one of them",
        ),
        ({"keys": [ES256], "rotation": {"evry": "1h"}}, "spec.rotation.evry", "unknown field"),
        (
            {"keys": [{**ES256, "modulusLength": 2048}]},
            "spec.keys[0].modulusLength: Invalid value",
            "modulusLength is only for RSA algorithms",
        ),
    ],
    ids=["algorithm", "name", "lead", "duration", "two-plans", "typo", "modulus"],
)
def test_kubectl_apply_of_a_bad_spec_names_the_field_and_the_cure(
    stage: Stage, spec: dict[str, object], field: str, cure: str
) -> None:
    """What the API server prints between field and cure differs from version to version."""
    body = {"apiVersion": "jwks-operator.dev/v1beta1", "kind": "JsonWebKeySet", "metadata": {"name": "bad"}}
    done = stage.kubectl("apply", "--filename=-", content=json.dumps({**body, "spec": spec}))
    assert done.returncode != 0
    assert field in done.stderr
    assert cure in done.stderr


@pytest.mark.parametrize(
    ("name", "rotation", "reason", "says"),
    [
        (
            "hasty",
            {"every": "10m"},
            "IntervalTooShort",
            "entry signing rotates every 10m, which is shorter than its lead 1h10m; "
            "rotate less often or state shorter facts in spec.timing",
        ),
        (
            "never",
            {"schedule": "0 3 31 2 *"},
            "InvalidSchedule",
            "spec.rotation.schedule '0 3 31 2 *' is not a cron expression: Bad day-of-month",
        ),
    ],
)
def test_what_admission_cannot_judge_becomes_a_condition_and_no_key_is_made(
    stage: Stage, name: str, rotation: dict[str, str], reason: str, says: str
) -> None:
    stage.create(name, {"keys": [ES256], "rotation": rotation})
    told = stage.until(lambda: condition(stage.latest("JsonWebKeySet", name), "Ready"), "a condition")
    assert (told["status"], told["reason"]) == ("False", reason)
    assert says in told["message"]
    assert stage.latest("Secret", f"{name}-keyring") is None


def test_a_bad_change_of_a_living_set_leaves_its_keys_and_tells_so(auth: Stage) -> None:
    before = in_use(auth.there("Secret", "auth")), published(auth.there("ConfigMap", "auth"))
    auth.patch("auth", {"spec": {"rotation": {"every": "1m"}}})
    degraded = auth.until(
        lambda: (found := condition(auth.latest("JsonWebKeySet", "auth"), "Degraded"))["status"] == "True" and found,
        "Degraded",
    )
    assert degraded["reason"] == "IntervalTooShort"
    assert (in_use(auth.there("Secret", "auth")), published(auth.there("ConfigMap", "auth"))) == before
    auth.patch("auth", {"spec": {"rotation": None}})
    auth.until_ready("auth")
    assert ready(auth.latest("JsonWebKeySet", "auth"))
