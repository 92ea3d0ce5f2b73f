"""Every refusal: its code, its HTTP status, what it means and what cures it, as problem details (RFC 9457)."""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Final

from jwks_operator.httpd.reply import Reply, header_lines, render_message


@dataclass(frozen=True, slots=True)
class Row:
    """One problem: `code` is its outcome in the metrics, too."""

    code: str
    status: int
    title: str
    cure: str


class Problem(Enum):
    """What can be wrong with a request."""

    NOT_HTTP = Row("not-http", 400, "not an HTTP request", "Send HTTP/1.1 with one Host header.")
    TOO_LARGE = Row("too-large", 413, "the request is too large", "Send at most 32 KiB; put less into the token.")
    LONG_HEADERS = Row("long-headers", 431, "target or headers are too long", "Send fewer headers.")
    EXPECTATION = Row("expectation", 417, "an expectation is not met", "Send the body without Expect.")
    CALLER = Row("caller", 403, "this user may not sign", "Start the signer with --allow-uid for this uid.")
    PATH = Row("path", 404, "there is nothing here", "POST to /v1/sign or /v1/decrypt.")
    METHOD = Row("method", 405, "the method is not POST", "POST to /v1/sign or /v1/decrypt.")
    BODY = Row("body", 400, "the body is not understood", 'Send {"claims": {…}}, with "entry" and "typ" if needed.')
    ENTRY_NEEDED = Row("entry-needed", 400, "there are several entries", 'Name one of them as "entry".')
    ENTRY = Row("entry", 404, "there is no such entry", "Name an entry of spec.keys whose Secret is mounted.")
    NO_KEY = Row(
        "no-key", 503, "the entry has no active key",
        "Look at kubectl jwks status and at the log of the signer; ask again in some seconds.",
    )  # fmt: skip
    USE = Row("use", 400, "the keys of the entry are not for this", "Sign with signature entries, decrypt with others.")
    TOKEN = Row("token", 400, "the token cannot be decrypted", "Send a compact JWE for a published key of the entry.")
    TYP = Row("typ", 400, "this typ is not allowed", "Use an allowed typ, or start the signer with --typ.")
    CLAIM = Row("claim", 400, "a claim is not valid", "Dates are numbers of seconds since 1970 (RFC 7519 section 2).")
    ISSUER = Row("issuer", 400, "iss is not the issuer of this signer", "Put the value of --issuer into iss.")
    NO_EXP = Row("no-exp", 400, "exp is missing", "Set exp to now + tokenLifetime or earlier.")
    LATE_EXP = Row(
        "late-exp", 400, "the token would outlive its key",
        "Set exp to now + tokenLifetime or earlier, or raise spec.timing.tokenLifetime and --token-lifetime.",
    )  # fmt: skip
    PAST_EXP = Row("past-exp", 400, "exp has passed", "Set exp to a time in the future.")
    RAW = Row("raw", 403, "raw payloads are not signed", "Send claims, or start the signer with --allow-raw.")
    AUDIT = Row("audit", 503, "the use cannot be logged", "Look at the standard output of the signer.")


class RequestRefused(Exception):
    """A request is not carried out; `problem` says why, `detail` which value, never what it holds."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(detail or problem.value.title)
        self.problem, self.detail = problem, detail


def problem_reply(problem: Problem, date: bytes, detail: str = "", *, final: bool = False) -> Reply:
    """Return the reply that tells a problem."""
    row = problem.value
    document = {
        "type": f"urn:jwks-operator:sign:{row.code}",
        "title": row.title,
        "status": row.status,
        "detail": detail or row.title,
        "cure": row.cure,
    }
    body = json.dumps(document).encode()
    headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
    headers += [("Allow", "POST")] if row.status == 405 else [("Retry-After", "5")] if row.status == 503 else []
    headers += [("Connection", "close")] if final else []
    return Reply(
        row.status, iter((render_message(row.status, date, header_lines(headers), body),)), len(body), final=final
    )


BY_STATUS: Final = {
    400: Problem.NOT_HTTP,
    413: Problem.TOO_LARGE,
    414: Problem.LONG_HEADERS,
    417: Problem.EXPECTATION,
    431: Problem.LONG_HEADERS,
    505: Problem.NOT_HTTP,
}
"""The problems that the connection finds, by their status."""
