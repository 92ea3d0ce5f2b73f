"""`kubectl jwks verify`: do the signing keys match the served set? Compares record, Secret, ConfigMap and URL."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import click

from jwks_operator.api.defaults import HTTP_CACHES, sum_of
from jwks_operator.api.documents_spec import DocumentFormat
from jwks_operator.api.durations import format_duration
from jwks_operator.api.shards import shard_of
from jwks_operator.api.spec import JsonWebKeySetSpec
from jwks_operator.core.model.observed_state import DriftState, ObservedState
from jwks_operator.core.model.policy_from_spec import policy_from_spec
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass
from jwks_operator.keys.key_errors import JwkError
from jwks_operator.keys.probe import probe
from jwks_operator.keys.public_pem import kids_in_pem
from jwks_operator.kube.client import Object
from jwks_operator.kube.consumer_secret_data import FoundKey, keys_in_use
from jwks_operator.kube.errors import Refused
from jwks_operator.kube.gather import Gathered, gather
from jwks_operator.plugin.arguments import set_argument
from jwks_operator.plugin.cluster import Cluster, ObservedSet, keys_in, open_cluster
from jwks_operator.plugin.findings import (
    Finding,
    error_finding,
    ok_finding,
    skip_finding,
    warning_finding,
    write_report,
)
from jwks_operator.plugin.http import answer_age, http_findings, max_age, stale_window
from jwks_operator.plugin.jwks_fetch import FetchFailure, FetchResult, fetch
from jwks_operator.plugin.lint_command import set_findings
from jwks_operator.plugin.options import output_option, place_options
from jwks_operator.plugin.place import Place
from jwks_operator.plugin.published import WHOLE_SET, PublishedDocument, find_document, list_documents

Keys = Mapping[str, Mapping[str, Any]]


@click.command("verify")
@set_argument
@place_options
@output_option()
@click.option("--url", metavar="URL", help="Where the set, or the document, is served.")
@click.option("--document", metavar="NAME", help="The document of spec.publish.documents that --url serves.")
@click.option("--seen", is_flag=True, help="Also check every URL of spec.publish.seenAt, as it is seen from here.")
@click.option("--ca-file", metavar="FILE", help="CA to trust for the URL. Default: those of the system.")
@click.option("--strict", is_flag=True, help="Warnings end with exit code 1, too.")
def verify_command(place: Place, name: str, form: str | None, **options: Any) -> int:
    r"""Check that signatures verify with the served set. For people and for CI.

    Compares the record (keyring), the Secret, the ConfigMap and, with --url, what verifiers get: kids, headers,
    caching against spec.timing, TLS. Signs a probe with each key in use and verifies it with the served set. Needs
    the right to read the set's Secrets; without it those checks are skipped. Exit code 1 if anything is wrong.

    \b
    Examples:
      kubectl jwks verify auth -n shop
      kubectl jwks verify auth -n shop --url https://auth.example.com/.well-known/jwks.json --strict
      kubectl jwks verify auth -n shop --seen
    """
    found = asyncio.run(_verify(place, name, options))
    return write_report(found, form, strict=options["strict"])


async def _verify(place: Place, name: str, options: Mapping[str, Any]) -> list[Finding]:
    url, ca_file = options["url"], options["ca_file"]
    async with open_cluster(place) as cluster:
        seen = await cluster.the_set(name)
        document = find_document(seen, options["document"] or WHOLE_SET) if seen.spec is not None else None
        found = list(_of_status(seen))
        gathered = await _secrets(cluster, seen)
        now = cluster.now()
        answer = None if url is None else await fetch(url, ca_file, revisit=True)
        public = [one async for one in _of_public_urls(seen, ca_file, now)] if options["seen"] else []
    if seen.hidden:
        found.append(
            skip_finding("configmap", "you may not read it: what is published was not looked at", "ask for the right")
        )
    elif seen.configmap is None:
        found.append(error_finding("configmap", "is not there", "kubectl jwks doctor: is the operator running?"))
    else:
        found += [one for each in list_documents(seen) for one in _flaws(each, now)]
    found += [_NO_SECRETS] if gathered is None else _of_record(gathered.observed, seen)
    served = seen.published
    found += public
    if answer is None and not public:
        found.append(skip_finding("served", "nobody said where the set is served", "give --url"))
    elif answer is not None:
        found += _of_url(url or "", answer, seen, document, now)
        served = keys_in(answer.body) if isinstance(answer, FetchResult) else {}
    is_set = document is None or document.format is DocumentFormat.JWK_SET
    if gathered is not None and gathered.seen.secret is not None and is_set:
        where = "the ConfigMap" if answer is None else "the served set"
        found += _Probe(gathered.seen.secret, served, where, now).findings(seen.spec, document)
    return found


_NO_SECRETS = skip_finding(
    "secrets", "you may not read the Secrets of this namespace: record and key in use were not looked at",
    "run it as a user who may get secrets, for example in CI",
)  # fmt: skip


def _of_status(seen: ObservedSet) -> Iterator[Finding]:
    if not seen.looked_at:
        yield error_finding("status", "the operator has not looked at the spec as it is now", "kubectl jwks doctor")
    for kind, good in (("Ready", "True"), ("Degraded", "False")):
        condition = seen.condition(kind)
        if condition is None:
            yield error_finding("status", f"there is no condition {kind}", "kubectl jwks doctor")
        elif condition.status != good:
            told = error_finding if kind == "Ready" else warning_finding
            yield told("status", f"{kind} is {condition.status}: {condition.reason}", condition.message)
        else:
            yield ok_finding("status", f"{kind} is {condition.status}")


async def _secrets(cluster: Cluster, seen: ObservedSet) -> Gathered | None:
    """Return the set with its Secrets; None if they may not be read. Raises KubeError for any other read that fails."""
    gathered = await gather(cluster.client, seen.ref, shard_of(seen.object))
    hidden = {what for what, error in gathered.unread.items() if isinstance(error, Refused)}
    for what in gathered.unread.keys() - hidden:
        raise gathered.unread[what]
    return None if any(what.startswith("Secret ") for what in hidden) else gathered


def _flaws(document: PublishedDocument, now: datetime) -> list[Finding]:
    if document.text is None:
        return [error_finding("configmap", f"lacks {document}", "kubectl jwks doctor: is the operator running?")]
    if document.format is DocumentFormat.PEM:
        return [ok_finding("configmap", f"{document}: {len(kids_in_pem(document.text))} public keys in PEM")]
    where = f"{document}: " if document.name else ""
    findings = set_findings(document.text.encode(), now)
    return [Finding(one.verdict, "configmap", where + _at(one), one.cure) for one in findings]


def _at(one: Finding) -> str:
    return one.message if one.check == "keys" else f"{one.check} {one.message}"


def _of_record(observed: ObservedState, seen: ObservedSet) -> Iterator[Finding]:
    if observed.record is None:
        told = observed.record_complaint or "there is no record (keyring)"
        yield error_finding(
            "record", told, "restore it from a backup, or see docs/rotation.md for what the operator rebuilds"
        )
        return
    told_kids = {key.kid for key in seen.status.keys if key.state.value in _LIVING}
    kids = {key.kid for key in observed.record.keys if key.state in _LIVING}
    if kids != told_kids:
        yield warning_finding(
            "record", "status and record name different keys", "look again in a moment; else kubectl jwks doctor"
        )
    else:
        yield ok_finding("record", f"{len(kids)} keys, as the status says")
    for what, drift in (("configmap", observed.configmap), ("secret", observed.secret)):
        if drift in _DRIFTS:
            message, cure = _DRIFTS[drift]
            yield error_finding(what, message, cure)
        else:
            yield ok_finding(what, "holds what the record says")


_LIVING = frozenset({State.PENDING, State.ACTIVE, State.RETIRED})
_DRIFTS = {
    DriftState.GONE: ("is not there", "the operator makes it again at once; if not, kubectl jwks doctor"),
    DriftState.DIFFERS: ("differs from the record", "the operator repairs it at once; if not, kubectl jwks doctor"),
    DriftState.RELABELLED: ("has lost a label of ours", "the operator repairs it at once; if not, kubectl jwks doctor"),
    DriftState.FOREIGN: ("belongs to another owner", "remove it, or give the set another name for it"),
}


def _of_url(
    url: str, answer: FetchResult | FetchFailure, seen: ObservedSet, document: PublishedDocument | None, now: datetime
) -> Iterator[Finding]:
    if isinstance(answer, FetchFailure):
        yield error_finding("served", f"{url}: {answer.problem}", "check the URL, and that it can be reached from here")
        return
    yield from http_findings(answer, now)
    if answer.status != 200:
        return
    if document is None or document.format is DocumentFormat.JWK_SET:
        yield from (Finding(one.verdict, "served", _at(one), one.cure) for one in set_findings(answer.body, now))
        yield from _against_published(keys_in(answer.body), keys_in(((document and document.text) or "").encode()))
    elif answer.body.decode("utf-8", "replace") == document.text:
        yield ok_finding("served", f"{document} of the ConfigMap")
    else:
        yield error_finding("served", f"is not {document} of the ConfigMap", _PATIENCE)
    if seen.spec is not None:
        yield from _against_timing(answer, seen.spec)


async def _of_public_urls(seen: ObservedSet, ca_file: str | None, now: datetime) -> AsyncIterator[Finding]:
    """Yield what is seen of the set at the URLs of its spec."""
    urls = () if seen.spec is None else seen.spec.publish.seen_at
    if not urls:
        yield skip_finding("seen", "spec.publish.seenAt names no URL", "name the URLs at which verifiers read the set")
    for one in urls:
        document = find_document(seen, one.document or WHOLE_SET)
        answer = await fetch(one.url, ca_file, revisit=True)
        for found in _of_url(one.url, answer, seen, document, now):
            yield replace(found, check="seen", message=f"{one.url}: {found.check} {found.message}")


_PATIENCE = "wait for propagation and caches (spec.timing); else the server reads another ConfigMap, or subPath"


def _against_published(served: Keys, published: Keys) -> Iterator[Finding]:
    if lacking := sorted(published.keys() - served.keys()):
        yield error_finding("served", f"lacks {', '.join(lacking)}", _PATIENCE)
    if surplus := sorted(served.keys() - published.keys()):
        cure = "wait for propagation and caches (spec.timing); else the server reads another source, too"
        yield warning_finding("served", f"also has {', '.join(surplus)}", cure)
    if not lacking and not surplus:
        yield ok_finding("served", f"the {len(served)} keys of the ConfigMap")


def _against_timing(answer: FetchResult, spec: JsonWebKeySetSpec) -> Iterator[Finding]:
    """The facts that the waits rest on, as far as one answer shows them."""
    known = policy_from_spec(spec).facts
    rows = (
        ("cacheMaxAge", max_age(answer) or timedelta(), known.cache_max_age),
        ("staleWindow", stale_window(answer), known.stale_window),
        (sum_of(HTTP_CACHES), answer_age(answer), known.total(HTTP_CACHES)),
    )
    for fact, seen, stated in rows:
        if seen > stated:
            told = f"{format_duration(seen)} is served, and spec.timing.{fact} says {format_duration(stated)}"
            yield error_finding(
                "timing", told, "raise it in spec.timing, or lower it at the server: keys are used too early"
            )
    if all(seen <= stated for _, seen, stated in rows):
        yield ok_finding("timing", "caching is within what spec.timing says")


@dataclass(frozen=True, slots=True)
class _Probe:
    """Probes every file with an active key against a set."""

    secret: Object
    keys: Keys
    where: str
    now: datetime

    def findings(self, spec: JsonWebKeySetSpec | None, document: PublishedDocument | None) -> Iterator[Finding]:
        published = {
            entry.name
            for entry in (() if spec is None else spec.keys)
            if ALGORITHMS[entry.algorithm].key_class is not KeyClass.SYMMETRIC
            and (document is None or entry.name in document.entries)
        }
        for file in keys_in_use(self.secret):
            if file.entry in published:
                yield self._finding(file)

    def _finding(self, file: FoundKey) -> Finding:
        cure = "wait for propagation and caches; if it stays, do not sign with this key"
        if file.private is None:
            return error_finding(
                "probe", f"{file.file} cannot be read: {file.problem}", "delete the Secret: it is made again"
            )
        if file.kid not in self.keys:
            return error_finding("probe", f"{file.file} signs with {file.kid}, which is not in {self.where}", cure)
        try:
            probe(file.private, self.keys[file.kid], self.now)
        except JwkError as wrong:
            return error_finding(
                "probe", f"{file.file} and {file.kid} in {self.where} do not belong together: {wrong}", cure
            )
        return ok_finding("probe", f"{file.file} ({file.kid}) works with {self.where}")
