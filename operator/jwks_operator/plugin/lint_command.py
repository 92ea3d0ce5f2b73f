"""`kubectl jwks lint`: any JWK Set, ours or not, against the RFCs and good practice."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from jwks_operator.keys.lint import Flaw, Level, lint_set
from jwks_operator.plugin.exit_codes import not_found_error
from jwks_operator.plugin.findings import Finding, Verdict, ok_finding, write_report
from jwks_operator.plugin.http import http_findings
from jwks_operator.plugin.jwks_fetch import FetchFailure, fetch
from jwks_operator.plugin.manifests import read_file
from jwks_operator.plugin.options import output_option

_VERDICTS = {Level.ERROR: Verdict.ERROR, Level.WARNING: Verdict.WARNING, Level.NOTE: Verdict.NOTE}


@click.command("lint")
@click.argument("source", metavar="FILE|URL")
@output_option()
@click.option("--strict", is_flag=True, help="Warnings end with exit code 1, too.")
@click.option("--ca-file", metavar="FILE", help="CA to trust for the URL. Default: those of the system.")
def lint_command(source: str, form: str | None, **options: Any) -> int:
    r"""Check a JWK Set against the RFCs and good practice.

    Private members, missing and doubled kids, algorithms of other keys (RFC 8725), spelling of numbers, weak keys,
    wrong points, certificates and thumbprints of other keys; of a URL also TLS, Content-Type, caching and size.
    Nothing of the cluster is asked. FILE may be - for standard input. Exit code 1 if there is an error.

    \b
    Examples:
      kubectl jwks lint jwks.json
      kubectl jwks lint https://auth.example.com/.well-known/jwks.json --strict
      kubectl jwks get-jwks auth | kubectl jwks lint -
    """
    if "://" in source:
        found = asyncio.run(_of_url(source, options["ca_file"]))
    else:
        found = list(set_findings(read_file(source), datetime.now(UTC)))
    return write_report(found, form, strict=options["strict"])


def set_findings(data: bytes, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a set."""
    flaws = lint_set(data, now)
    yield from (_finding(flaw) for flaw in flaws)
    if not any(flaw.level is Level.ERROR for flaw in flaws):
        yield ok_finding("keys", "a JWK Set of public keys that can be used")


async def _of_url(url: str, ca_file: str | None) -> list[Finding]:
    now = datetime.now(UTC)
    answer = await fetch(url, ca_file, revisit=True)
    if isinstance(answer, FetchFailure):
        raise not_found_error(f"{url}: {answer.problem}; check the URL, and that it can be reached from here")
    found = list(http_findings(answer, now))
    return [*found, *set_findings(answer.body, now)] if answer.status == 200 else found


def _finding(flaw: Flaw) -> Finding:
    message, _, cure = flaw.message.partition("; ")
    return Finding(_VERDICTS[flaw.level], flaw.where, f"{message} ({flaw.rule})", cure)
