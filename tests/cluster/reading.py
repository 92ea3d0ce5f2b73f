"""What the operator's objects say, read by other means than the operator's own code."""

import json
from base64 import b64decode
from collections.abc import Iterable

from cluster.chronicle import Object, Sighting

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")  # RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1


def ready(the_set: Object | None) -> bool:
    """Whether the set as it is written now is Ready."""
    found = condition(the_set, "Ready")
    return found.get("status") == "True" and found.get("observedGeneration") == _generation(the_set)


def condition(the_set: Object | None, kind: str) -> Object:
    """The condition of a type, empty if it is not there yet."""
    conditions = ((the_set or {}).get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def published(configmap: Object | None) -> dict[str, Object]:
    """The keys of the published set by kid."""
    text = ((configmap or {}).get("data") or {}).get("jwks.json", '{"keys":[]}')
    return {key["kid"]: key for key in json.loads(text)["keys"]}


def files(secret: Object | None) -> dict[str, bytes]:
    """What a pod that mounts the Secret finds."""
    return {name: b64decode(value) for name, value in ((secret or {}).get("data") or {}).items()}


def in_use(secret: Object | None) -> dict[str, str]:
    """The kid in use by entry."""
    return {name.removesuffix(".kid"): text.decode() for name, text in files(secret).items() if name.endswith(".kid")}


def private_texts(secret: Object) -> set[str]:
    """Every private member in a keyring or consumer Secret, and the lines of its PEM files."""
    found: set[str] = set()
    for name, content in files(secret).items():
        text = content.decode()
        if name.endswith(".pem"):
            found |= {line for line in text.splitlines() if line and not line.startswith("-----")}
        elif name.endswith((".jwk", ".json")):
            document = json.loads(text)
            members = document.get("private") or document
            found |= {members[member] for member in PRIVATE if isinstance(members.get(member), str)}
    return found


def leaks(sightings: Iterable[Sighting], printed: str) -> list[str]:
    """Where private members show that must not: in every version of what is not a Secret, and in the logs."""
    seen = list(sightings)
    private: set[str] = set()
    for each in seen:
        if each.kind == "Secret":
            private |= _private_texts_of_anybody(each.object)
    places = {f"{each.kind} {each.name}": json.dumps(each.object) for each in seen if each.kind != "Secret"}
    places["log"] = printed
    return [where for where, text in places.items() if any(member in text for member in private)]


def _private_texts_of_anybody(secret: Object) -> set[str]:
    """A test that damages a Secret leaves texts in it that are no keys."""
    try:
        return private_texts(secret)
    except ValueError:
        return set()


def _generation(the_set: Object | None) -> int:
    return int((the_set or {})["metadata"]["generation"])
