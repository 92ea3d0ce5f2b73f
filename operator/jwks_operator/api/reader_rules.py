"""The rules that follow from `spec.readers`: each reader finds a set that it can read, and no wait is too short."""

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from jwks_operator.api.admission_rules import Rule, cel_list
from jwks_operator.api.documents_spec import Document, DocumentFormat
from jwks_operator.api.durations import cel_is_duration, format_duration
from jwks_operator.api.reader_row import Reader
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.readers import readers_by_refresh, readers_by_refusal, refuses_entry
from jwks_operator.api.targets_spec import Publish
from jwks_operator.api.timing_spec import Timing

MOST_READERS = 16


class _Entry(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def algorithm(self) -> str: ...

    @property
    def crv(self) -> str | None: ...


class _Spec(Protocol):
    @property
    def keys(self) -> Collection[_Entry]: ...

    @property
    def readers(self) -> Collection[Reader]: ...

    @property
    def timing(self) -> Timing: ...

    @property
    def publish(self) -> Publish: ...


def readers_can_read() -> tuple[Rule, ...]:
    """Return one rule for each list of what readers refuse a whole set for."""
    return tuple(_can_read(words, readers) for words, readers in readers_by_refusal().items())


def _can_read(words: tuple[str, ...], readers: tuple[Reader, ...]) -> Rule:
    def readable(document: Document, spec: _Spec) -> bool:
        own = [entry for entry in spec.keys if entry.name in document.entries]
        refused = any(refuses_entry(readers[0], entry.algorithm, entry.crv) for entry in own)
        return document.format is DocumentFormat.JWK_SET and not refused

    unread = f"(k.algorithm in {cel_list(words)} || (has(k.crv) && k.crv in {cel_list(words)}))"
    named = f"r in {cel_list(readers)}"

    def refusals(spec: _Spec) -> list[tuple[Reader, _Entry]]:
        if any(readable(document, spec) for document in spec.publish.documents):
            return []
        concerned = [reader for reader in spec.readers if reader in readers]
        refused = [entry for entry in spec.keys if refuses_entry(readers[0], entry.algorithm, entry.crv)]
        return [(reader, entry) for reader in concerned for entry in refused]

    def explain(spec: _Spec) -> str:
        reader, entry = refusals(spec)[0]
        return f"{reader} refuses the whole set for the key of {entry.name} ({entry.crv or entry.algorithm}){_CURE}"

    # map, not filter: its cost is that of the names, not of whole entries.
    key = f"self.keys.map(k, {unread}, k.name + ' (' + (has(k.crv) ? k.crv : k.algorithm) + ')')[0]"
    return Rule(
        field="readers",
        cel=cel_set_or_document(
            named, f"!self.keys.exists(k, {unread})", f"!self.keys.exists(k, k.name in d.entries && {unread})"
        ),
        holds=lambda spec: not refusals(spec),
        message=f"a reader refuses the whole set for one of its keys{_CURE}",
        message_cel=f"self.readers.filter(r, {named})[0] + ' refuses the whole set for the key of ' + {key} + "
        f"'{_CURE}'",
        explain=explain,
    )


def cel_set_or_document(named: str, whole: str, part: str) -> str:
    """Return CEL: if a reader `r` is `named`, `whole` holds for the set, or `part` for some document `d` of it."""
    return (
        f"!has(self.readers) || !self.readers.exists(r, {named}) || {whole} || "
        f"(has(self.publish) && has(self.publish.documents) && self.publish.documents.exists(d, "
        f"d.format == '{DocumentFormat.JWK_SET}' && {part}))"
    )


_CURE = "; publish a document without it (publish.documents), or remove the entry"


def refresh_covers_readers() -> Rule:
    """Return the rule that a stated verifierRefresh is not shorter than what a named reader needs."""
    stated = "self.timing.verifierRefresh"
    rows = {reader: format_duration(row.refresh) for reader, row in READERS.items() if row.refresh is not None}
    table = "{" + ", ".join(f"'{reader}': '{refresh}'" for reader, refresh in rows.items()) + "}"

    def slower(spec: _Spec) -> list[tuple[timedelta, Reader]]:
        given = spec.timing.verifier_refresh
        if given is None:
            return []
        return [(given, reader) for reader in spec.readers if given < (READERS[reader].refresh or timedelta())]

    def explain(spec: _Spec) -> str:
        given, reader = slower(spec)[0]
        return f"verifierRefresh {format_duration(given)} is shorter than {rows[reader]} of {reader}{cure}"

    cure = ", which may go so long without fetching; lengthen it, or remove it to have it computed"
    short = f"r in {table} && duration({stated}) < duration({table}[r])"
    reader_cel = f"self.readers.filter(r, {short})[0]"
    return Rule(
        field="timing.verifierRefresh",
        cel=f"!has(self.readers) || !has(self.timing) || !has({stated}) || !{cel_is_duration(stated)} || "
        f"!self.readers.exists(r, {short})",
        holds=lambda spec: not slower(spec),
        message=f"verifierRefresh is shorter than a reader needs{cure}",
        message_cel=f"'verifierRefresh ' + {stated} + ' is shorter than ' + {table}[{reader_cel}] + ' of ' + "
        f"{reader_cel} + '{cure}'",
        explain=explain,
    )


def cel_refresh(default: str) -> str:
    """Return CEL of verifierRefresh where it is not stated: that of the slowest reader or preset, else the default."""
    choice = default
    for refresh, readers in sorted(readers_by_refresh().items()):
        names = cel_list(readers)
        named = f"(has(self.timing.preset) && self.timing.preset in {names}) || "
        named += f"(has(self.readers) && self.readers.exists(r, r in {names}))"
        choice = f"({named}) ? '{format_duration(refresh)}' : {choice}"
    return f"({choice})"
