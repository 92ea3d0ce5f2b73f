"""`kubectl jwks lint`: any JWK Set, ours or not, against the RFCs and good practice."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from jwks_operator.api.reader_row import Reader
from jwks_operator.keys.lint import Flaw, Level, lint_set
from jwks_operator.plugin.exit_codes import not_found_error
from jwks_operator.plugin.findings import Finding, Verdict, ok_finding, write_report
from jwks_operator.plugin.http import http_findings
from jwks_operator.plugin.jwks_fetch import FetchFailure, fetch
from jwks_operator.plugin.manifests import read_file
from jwks_operator.plugin.options import output_option
from jwks_operator.plugin.reader_findings import reader_findings, refusal_warnings

_VERDICTS = {Level.ERROR: Verdict.ERROR, Level.WARNING: Verdict.WARNING, Level.NOTE: Verdict.NOTE}


@click.command("lint")
@click.argument("source", metavar="FILE|URL")
@output_option()
@click.option("--strict", is_flag=True, help="Warnings end with exit code 1, too.")
@click.option("--ca-file", metavar="FILE", help="CA to trust for the URL. Default: those of the system.")
@click.option(
    "--reader",
    "readers",
    metavar="NAME",
    type=click.Choice([each.value for each in Reader]),
    multiple=True,
    help="A reader of the set by its name in docs/readers.md, which must be able to read it. May be given again.",
)
def lint_command(source: str, form: str | None, **options: Any) -> int:
    r"""Check a JWK Set against the RFCs and good practice.

    Private members, missing and doubled kids, algorithms of other keys (RFC 8725), spelling of numbers, weak keys,
    wrong points, certificates and thumbprints of other keys, readers that refuse the whole set for one of them; of a
    URL also TLS, Content-Type, caching and size. With --reader, these readers must be able to read it, and others are
    not asked. Nothing of the cluster is asked. FILE may be - for standard input. Exit code 1 if there is an error.

    \b
    Examples:
      kubectl jwks lint jwks.json
      kubectl jwks lint https://auth.example.com/.well-known/jwks.json --strict
      kubectl jwks get-jwks auth | kubectl jwks lint - --reader KubeApiserver --reader Istio
    """
    if "://" in source:
        found, data = asyncio.run(_of_url(source, options["ca_file"]))
    else:
        data = read_file(source)
        found = list(set_findings(data, datetime.now(UTC)))
    found += _of_readers(data, [Reader(name) for name in options["readers"]])
    return write_report(found, form, strict=options["strict"])


def set_findings(data: bytes, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a set."""
    flaws = lint_set(data, now)
    yield from (_finding(flaw) for flaw in flaws)
    if not any(flaw.level is Level.ERROR for flaw in flaws):
        yield ok_finding("keys", "a JWK Set of public keys that can be used")


def _of_readers(data: bytes, readers: Iterable[Reader]) -> list[Finding]:
    return [one for each in readers for one in reader_findings(data, each)] or list(refusal_warnings(data))


async def _of_url(url: str, ca_file: str | None) -> tuple[list[Finding], bytes]:
    now = datetime.now(UTC)
    answer = await fetch(url, ca_file, revisit=True)
    if isinstance(answer, FetchFailure):
        raise not_found_error(f"{url}: {answer.problem}; check the URL, and that it can be reached from here")
    found = list(http_findings(answer, now))
    if answer.status != 200:
        return found, b""
    return [*found, *set_findings(answer.body, now)], answer.body


def _finding(flaw: Flaw) -> Finding:
    message, _, cure = flaw.message.partition("; ")
    return Finding(_VERDICTS[flaw.level], flaw.where, f"{message} ({flaw.rule})", cure)
