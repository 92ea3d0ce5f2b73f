"""The three calls of `ExternalJWTSigner`: Sign, FetchKeys and Metadata."""

import logging
import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jwks_operator.keys.jwk import JwkError, parse_json_strict
from jwks_operator.keys.key_errors import MalformedJsonError
from jwks_operator.keys.members import encode_octets
from jwks_operator.keys.opened_key import OpenedKey
from jwks_operator.keys.signing import verify_compact
from jwks_operator.service_accounts.grpc_connection import CallRefused, Status
from jwks_operator.service_accounts.messages import (
    SERVICE,
    read_sign_request,
    write_metadata_response,
    write_sign_response,
)
from jwks_operator.service_accounts.published_keys import PublishedKeys
from jwks_operator.service_accounts.wire_format import MalformedMessage
from jwks_operator.sign.claims import ClaimRules, check_claims
from jwks_operator.sign.key_directory import KeyDirectory
from jwks_operator.sign.problems import Problem, RequestRefused
from jwks_operator.sign.usage import DONE, Usage, Use, write_audit_line

TYP: Final = "JWT"
_STATUSES: Final = {503: Status.UNAVAILABLE}
"""Status of a problem that a later call may not meet; all others are of the call itself."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IssuerRules:
    """Who may call, and what is signed: `issuer` alone, for `lifetime` seconds at most, by the keys of `entry`."""

    uids: frozenset[int]
    issuer: str
    lifetime: int
    entry: str | None = None
    audit_log: bool = False


class TokenSigner:
    """Answers calls with the active key of an entry and the published keys of its set."""

    def __init__(self, private: KeyDirectory, published: PublishedKeys, rules: IssuerRules) -> None:
        self.usage = Usage()
        self.fetches = 0
        self.trouble = ""
        self._private = private
        self._published = published
        self._rules = rules
        self._claims = ClaimRules(token_lifetime=float(rules.lifetime), issuer=rules.issuer)
        self._metadata = write_metadata_response(rules.lifetime)
        self._proven: tuple[OpenedKey, int] | None = None  # a key, and the read of the set that has its public half
        self._calls: dict[bytes, Callable[[bytes, int], bytes]] = {
            SERVICE + b"Sign": self._sign,
            SERVICE + b"FetchKeys": self._fetch_keys,
            SERVICE + b"Metadata": lambda _, __: self._metadata,
        }

    def admits(self, uid: int) -> bool:
        """Tell whether a user may call; refused ones are counted together, as uid -1."""
        if uid in self._rules.uids:
            return True
        self.usage.count(Use(uid=-1), Problem.CALLER.value.code, time.time())
        return False

    def call(self, path: bytes, message: bytes, uid: int) -> bytes:
        """Carry out a call; raises CallRefused."""
        if path not in self._calls:
            raise CallRefused(Status.UNIMPLEMENTED, "there is no such call")
        try:
            return self._calls[path](message, uid)
        except MalformedMessage as malformed:
            raise CallRefused(Status.INVALID_ARGUMENT, str(malformed)) from None

    def poll(self) -> None:
        """Look at both directories; called once a second."""
        self._private.poll()
        self._published.poll()
        self._find_key(Use(uid=-1))

    def active_kid(self) -> str:
        """Return the kid of the key that signs, empty if there is none."""
        use = Use(uid=-1)
        return use.kid if self._find_key(use) is not None else ""

    def _sign(self, message: bytes, uid: int) -> bytes:
        now = time.time()
        use = Use(uid)
        self._private.refresh()
        self._published.refresh()
        try:
            header, signature = self._signed(read_sign_request(message), use, now)
        except RequestRefused as refused:
            row = refused.problem.value
            self.usage.count(use, row.code, now)
            status = _STATUSES.get(row.status, Status.INVALID_ARGUMENT)
            raise CallRefused(status, f"{refused.detail or row.title}. {row.cure}") from None
        self.usage.count(use, DONE, now)
        return write_sign_response(header, signature)

    def _signed(self, segment: str, use: Use, now: float) -> tuple[str, str]:
        """Return header and signature for the payload in base64url."""
        key = self._find_key(use)
        if key is None:
            raise RequestRefused(Problem.NO_KEY, self.trouble)
        payload = _decoded(segment)
        try:
            claims = parse_json_strict(payload)
        except MalformedJsonError as error:
            raise RequestRefused(Problem.CLAIM, str(error)) from None
        check_claims(claims, self._claims, now)
        if self._rules.audit_log:
            write_audit_line(use, "sign", payload, claims.get("jti") if isinstance(claims, dict) else None)
        header, _, signature = key.sign_compact(payload, TYP).split(".")
        return header, signature

    def _fetch_keys(self, _: bytes, __: int) -> bytes:
        self.fetches += 1
        if not self._published.answer:
            raise CallRefused(Status.UNAVAILABLE, "no published key can be used; see the log of the signer")
        return self._published.answer

    def _find_key(self, use: Use) -> OpenedKey | None:
        """Return the active key if kube-apiserver gets its public half; complete the use, and say what is wrong."""
        key, trouble = self._active(use)
        if key is not None:
            trouble = self._refusal_of(key)
        if trouble and trouble != self.trouble:
            _log.error("%s", trouble)
        self.trouble = trouble
        return None if trouble else key

    def _active(self, use: Use) -> tuple[OpenedKey | None, str]:
        entries = self._private.keys
        name = self._rules.entry
        if name is None and len(entries) > 1:
            return None, f"the Secret has several entries; name one with --entry: {', '.join(sorted(entries))}"
        name = next(iter(entries), "") if name is None else name
        entry = entries.get(name)
        use.entry = name
        if entry is None or entry.signer is None:
            return None, "there is no active key that signs"
        use.kid = entry.kid
        return entry.signer, ""

    def _refusal_of(self, key: OpenedKey) -> str:
        """Return why a key must not sign, empty if it may; a key is proven once for each read of the set."""
        if not self._published.may_sign(key.kid):
            return f"the active key {key.kid} is not among those that kube-apiserver publishes"
        if self._proven != (key, self._published.reads):
            try:
                verify_compact(self._published.keys[key.kid], key.sign_compact(b"{}", TYP), TYP)
            except JwkError:
                return f"the published key {key.kid} does not verify what the active key signs"
            self._proven = (key, self._published.reads)
        return ""


def _decoded(segment: str) -> bytes:
    """Return the octets of a segment in the one spelling that they have in base64url."""
    try:
        payload = b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (Base64Error, ValueError):
        payload = b""
    if encode_octets(payload) != segment:
        raise RequestRefused(Problem.CLAIM, "claims is not base64url")
    return payload
