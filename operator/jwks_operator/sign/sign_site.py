"""`POST /v1/sign`: a JSON object with claims in, a compact JWS out.

The body is `{"claims": {…}}`, or `{"payload": "<base64url>"}` where raw payloads are allowed, with the optional members
`entry` (needed if there are several) and `typ`. The answer is `{"token": …, "kid": …, "alg": …}`.
"""

import base64
import json
import time
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Final

from jwks_operator.httpd.reply import Reply, render_message
from jwks_operator.httpd.request import Request
from jwks_operator.keys.key_errors import MalformedJsonError
from jwks_operator.keys.members import parse_json_strict
from jwks_operator.keys.opened_key import OpenedKey
from jwks_operator.sign.claims import ClaimRules, payload_of
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.problems import Problem, RequestRefused, problem_reply
from jwks_operator.sign.usage import DONE, Usage, write_audit_line

PATH: Final = b"/v1/sign"
MOST_TAILS: Final = 64
"""Keys whose part of an answer is kept."""
MEMBERS: Final = frozenset({"claims", "payload", "entry", "typ"})
TYPS: Final = ("JWT", "at+jwt")
"""RFC 7519 section 5.1, RFC 9068 section 2.1."""


@dataclass(frozen=True, slots=True)
class SignRules:
    """What is signed for whom; the first of `typs` is the default."""

    uids: frozenset[int]
    claims: ClaimRules = field(default_factory=ClaimRules)
    typs: tuple[str, ...] = TYPS
    raw: bool = False
    audit_log: bool = False


class SignSite:
    """Answers requests with the keys of a directory; also the gate for its callers."""

    def __init__(self, keys: KeyDirectory, rules: SignRules) -> None:
        self.usage = Usage()
        self._keys = keys
        self._rules = rules
        self._tails: dict[OpenedKey, bytes] = {}

    def admits(self, uid: int) -> bool:
        """Tell whether a user may sign; refused ones are counted together, as uid -1."""
        if uid in self._rules.uids:
            return True
        self.usage.count("", "", -1, Problem.CALLER.value.code, time.time())
        return False

    def forget(self) -> None:
        """Look at the directory; called by the sweep of the server, once a second."""
        self._keys.poll()

    def answer(self, request: Request, date: bytes) -> Reply:
        """Sign, or tell why not."""
        now, entry, key = time.time(), "", None
        try:
            body = _parsed(request)
            self._keys.refresh()
            entry, key = self._key_for(body)
            token = self._token(body, entry, key, request.uid, now)
        except RequestRefused as refused:
            self.usage.count(entry, key.kid if key else "", request.uid, refused.problem.value.code, now)
            return problem_reply(refused.problem, date, refused.detail, final=request.last)
        self.usage.count(entry, key.kid, request.uid, DONE, now)
        content = b'{"token":"%s",%s' % (token.encode("ascii"), self._tail(key))
        head = b"Content-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n" % len(content)
        head += b"Connection: close\r\n" if request.last else b""
        return Reply(200, iter((render_message(200, date, head, content),)), len(content), final=request.last)

    def _token(self, body: dict[str, object], entry: str, key: OpenedKey, uid: int, now: float) -> str:
        typ = body.get("typ", self._rules.typs[0])
        if typ not in self._rules.typs:
            raise RequestRefused(Problem.TYP, f"typ is not one of {', '.join(self._rules.typs)}")
        claims = body.get("claims")
        payload = payload_of(claims, self._rules.claims, now) if "claims" in body else self._raw_payload(body)
        token = key.sign_compact(payload, str(typ))
        if self._rules.audit_log:
            jti = claims.get("jti") if isinstance(claims, dict) else None
            write_audit_line(entry, key.kid, uid, payload, jti)
        return token

    def _key_for(self, body: dict[str, object]) -> tuple[str, OpenedKey]:
        keys = self._keys.keys
        entry = body.get("entry")
        if entry is None:
            if len(keys) > 1:
                raise RequestRefused(Problem.ENTRY_NEEDED, f"entries: {', '.join(sorted(keys))}")
            entry = next(iter(keys), None)
        elif not isinstance(entry, str) or entry not in keys:
            raise RequestRefused(Problem.ENTRY, f"entries: {', '.join(sorted(keys)) or 'none'}")
        key = keys[entry] if isinstance(entry, str) else None
        if key is None or not isinstance(entry, str):
            raise RequestRefused(Problem.NO_KEY)
        return entry, key

    def _raw_payload(self, body: dict[str, object]) -> bytes:
        if not self._rules.raw:
            raise RequestRefused(Problem.RAW)
        payload = body.get("payload")
        try:
            if isinstance(payload, str):
                return base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
        except (Base64Error, ValueError):
            pass
        raise RequestRefused(Problem.BODY, "payload is not base64url")

    def _tail(self, key: OpenedKey) -> bytes:
        """Return the end of an answer, which is the same for all tokens of a key."""
        tail = self._tails.get(key)
        if tail is None:
            if len(self._tails) >= MOST_TAILS:
                self._tails.clear()
            tail = json.dumps({"kid": key.kid, "alg": key.alg}, separators=(",", ":"))[1:].encode()
            self._tails[key] = tail
        return tail


def _parsed(request: Request) -> dict[str, object]:
    if request.path != PATH:
        raise RequestRefused(Problem.PATH)
    if request.method != b"POST":
        raise RequestRefused(Problem.METHOD)
    try:
        document = parse_json_strict(request.body)
    except MalformedJsonError as error:
        raise RequestRefused(Problem.BODY, str(error)) from None
    if not isinstance(document, dict) or not document.keys() <= MEMBERS:
        raise RequestRefused(Problem.BODY, f"not an object of {', '.join(sorted(MEMBERS))}")
    if ("claims" in document) == ("payload" in document):
        raise RequestRefused(Problem.BODY, "neither claims nor payload, or both")
    return document
