"""`POST /v1/sign`: claims in, a compact JWS out. `POST /v1/decrypt`: a compact JWE in, its plaintext out.

The body is `{"claims": {…}}`, or `{"payload": "<base64url>"}` where raw payloads are allowed, with the optional members
`entry` (needed if there are several) and `typ`. The answer is `{"token": …, "kid": …, "alg": …}`. To decrypt it is
`{"token": "<JWE>"}` and `entry`, and the answer `{"payload": "<base64url>", "kid": …}`.
"""

import base64
import json
import time
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from jwks_operator.httpd.reply import Reply, render_message
from jwks_operator.httpd.request import Request
from jwks_operator.keys.decrypting import DecryptionFailed, read_jwe_header
from jwks_operator.keys.key_errors import MalformedJsonError
from jwks_operator.keys.members import encode_octets, parse_json_strict
from jwks_operator.keys.opened_key import OpenedEntry, OpenedKey
from jwks_operator.sign.claims import ClaimRules, payload_of
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.problems import Problem, RequestRefused, problem_reply
from jwks_operator.sign.usage import DONE, Usage, Use, write_audit_line

MOST_TAILS: Final = 64
"""Keys whose part of an answer is kept."""
MEMBERS: Final = frozenset({"claims", "payload", "entry", "typ"})
TYPS: Final = ("JWT", "at+jwt")
"""RFC 7519 section 5.1, RFC 9068 section 2.1."""


Operation = Callable[[dict[str, object], Use, float], bytes]
"""Carries out the request of a body at a Unix time and returns the answer; completes the use; raises RequestRefused."""


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
        self._operations: dict[bytes, Operation] = {b"/v1/sign": self._sign, b"/v1/decrypt": self._decrypt}

    def admits(self, uid: int) -> bool:
        """Tell whether a user may sign; refused ones are counted together, as uid -1."""
        if uid in self._rules.uids:
            return True
        self.usage.count(Use(uid=-1), Problem.CALLER.value.code, time.time())
        return False

    def forget(self) -> None:
        """Look at the directory; called by the sweep of the server, once a second."""
        self._keys.poll()

    def answer(self, request: Request, date: bytes) -> Reply:
        """Sign or decrypt, or tell why not."""
        now = time.time()
        use = Use(request.uid)
        try:
            carry_out = self._operation(request)
            self._keys.refresh()
            content = carry_out(_object_in(request.body), use, now)
        except RequestRefused as refused:
            self.usage.count(use, refused.problem.value.code, now)
            return problem_reply(refused.problem, date, refused.detail, final=request.last)
        self.usage.count(use, DONE, now)
        head = b"Content-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n" % len(content)
        head += b"Connection: close\r\n" if request.last else b""
        return Reply(200, iter((render_message(200, date, head, content),)), len(content), final=request.last)

    def _operation(self, request: Request) -> Operation:
        if request.path not in self._operations:
            raise RequestRefused(Problem.PATH)
        if request.method != b"POST":
            raise RequestRefused(Problem.METHOD)
        return self._operations[request.path]

    def _sign(self, body: dict[str, object], use: Use, now: float) -> bytes:
        if not body.keys() <= MEMBERS or ("claims" in body) == ("payload" in body):
            raise RequestRefused(Problem.BODY, "not an object of claims or payload, entry and typ")
        key = self._entry(body, use).signer
        if key is None:
            raise RequestRefused(Problem.USE)
        typ = body.get("typ", self._rules.typs[0])
        if typ not in self._rules.typs:
            raise RequestRefused(Problem.TYP, f"typ is not one of {', '.join(self._rules.typs)}")
        claims = body.get("claims")
        payload = payload_of(claims, self._rules.claims, now) if "claims" in body else self._raw_payload(body)
        token = key.sign_compact(payload, str(typ))
        if self._rules.audit_log:
            jti = claims.get("jti") if isinstance(claims, dict) else None
            write_audit_line(use, "sign", payload, jti)
        return b'{"token":"%s",%s' % (token.encode("ascii"), self._tail(key))

    def _decrypt(self, body: dict[str, object], use: Use, _: float) -> bytes:
        token = body.get("token")
        if not body.keys() <= {"token", "entry"} or not isinstance(token, str):
            raise RequestRefused(Problem.BODY, "not an object of token and entry")
        entry = self._entry(body, use)
        if entry.signer is not None:
            raise RequestRefused(Problem.USE)
        try:
            kid = read_jwe_header(token).get("kid", entry.kid)
            key = entry.receivers.get(kid) if isinstance(kid, str) else None
            if key is None:
                raise RequestRefused(Problem.TOKEN, "no key of the entry has the kid of the token")
            use.kid = key.kid
            plaintext = key.decrypt_compact(token)
        except DecryptionFailed as failed:
            raise RequestRefused(Problem.TOKEN, str(failed)) from None
        if self._rules.audit_log:
            write_audit_line(use, "decrypt", token.encode())
        return json.dumps({"payload": encode_octets(plaintext), "kid": use.kid}).encode()

    def _entry(self, body: dict[str, object], use: Use) -> OpenedEntry:
        """Return the entry that a request names, or the only one."""
        entries = self._keys.keys
        name = body.get("entry")
        if name is None and len(entries) == 1:
            name = next(iter(entries))
        if name is None and entries:
            raise RequestRefused(Problem.ENTRY_NEEDED, f"entries: {', '.join(sorted(entries))}")
        if name is None:
            raise RequestRefused(Problem.NO_KEY)
        if not isinstance(name, str) or name not in entries:
            raise RequestRefused(Problem.ENTRY, f"entries: {', '.join(sorted(entries)) or 'none'}")
        use.entry = name
        entry = entries[name]
        if entry is None:
            raise RequestRefused(Problem.NO_KEY)
        use.kid = entry.kid
        return entry

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


def _object_in(body: bytes) -> dict[str, object]:
    try:
        document = parse_json_strict(body)
    except MalformedJsonError as error:
        raise RequestRefused(Problem.BODY, str(error)) from None
    if not isinstance(document, dict):
        raise RequestRefused(Problem.BODY, "not a JSON object")
    return document
