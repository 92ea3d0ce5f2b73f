"""Label and field selectors in the string form of the API."""

import re
from collections.abc import Callable, Mapping

from fakes.status import bad_request
from jwks_operator.kube.client import Object

Test = Callable[[Object], bool]

_TERM = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<gone>[\w./-]+)"
    r"|(?P<key>[\w./-]+)\s*(?:(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?)\s*(?:,|$)"
)


def labels(text: str) -> Test:
    """Build the test that a labelSelector asks for; an empty one matches everything."""
    tests = list(_terms(text))
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def fields(text: str) -> Test:
    """Build the test that a fieldSelector asks for: metadata.name and metadata.namespace are served."""
    wanted: dict[str, str] = {}
    for term in filter(None, text.split(",")):
        key, _, value = term.replace("==", "=").partition("=")
        if key not in {"metadata.name", "metadata.namespace"}:
            raise bad_request(f"field label not supported: {key}")
        wanted[key.removeprefix("metadata.")] = value
    return lambda obj: all(obj["metadata"].get(key) == value for key, value in wanted.items())


def _terms(text: str) -> list[Callable[[Mapping[str, str]], bool]]:
    found = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise bad_request(f"unable to parse requirement: {text}")
        found.append(_term(match))
        position = match.end()
    return found


def _term(match: re.Match[str]) -> Callable[[Mapping[str, str]], bool]:
    key = match["gone"] or match["key"]
    if match["absent"]:
        return lambda own: key not in own
    if match["set"]:
        values = {value.strip() for value in match["values"].split(",")}
        if match["set"] == "in":
            return lambda own: own.get(key) in values
        return lambda own: own.get(key) not in values
    if match["op"] is None:
        return lambda own: key in own
    if match["op"] == "!=":
        return lambda own: own.get(key) != match["value"]
    return lambda own: own.get(key) == match["value"]
