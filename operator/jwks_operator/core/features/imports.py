"""Which keys from elsewhere may join this set now, and what stands in the way of the others?

What a source holds is taken once: the record remembers it, also after the key is gone. A private key becomes the
pending key of its entry (the first one of a new set is in use at once), a public one joins as retired. A source
that is followed is the entry's only maker of keys: each key it comes to hold is taken, and none is generated.

Nothing that was destroyed or revoked comes back, under no other kid either, and no kid ever names two keys.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from jwks_operator.api.reasons import Reason
from jwks_operator.core.features.source_content import Holding, Refusal, Sources, is_as_read, names_of, private_holding
from jwks_operator.core.model.key_states import FreshKey, digest_of, is_buried
from jwks_operator.core.model.policy import EntryPolicy, Policy
from jwks_operator.core.model.record import Certificate, ImportState, KeyRecord, Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.transitions.transition_table import State

REMEMBERED = 64
"""How many keys an import_state remembers: far more than a source can hold while any of them is still about."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an entry may take in now."""

    key: FreshKey | None = None
    former: tuple[FreshKey, ...] = ()
    current: str | None = None
    """The thumbprint that a followed source holds; None if nothing is followed, or it cannot be told."""
    certificate: Certificate | None = None
    """The certificate of that key, if the source has one and the entry asks for no other."""
    adopts: bool = False
    """Whether a source is followed from now on that holds the key in use already."""
    sources: tuple[str, ...] = ()
    """The sources that have done their work once this offer is taken."""
    complaints: tuple[str, ...] = ()
    left_out: str = ""
    """What of the sources cannot be taken while the rest is; a new set does not wait for it."""
    field: str = "import"
    """The field of the entry that names the sources."""


NO_OFFER = Offer()

Offers = Mapping[str, Offer]
NONE_OFFERED: Offers = MappingProxyType({})


def list_offers(record: Record, sources: Mapping[str, Sources], revoked: Collection[str] = ()) -> Offers:
    """Return what each entry of the spec in force may take in; `revoked` are the kids that an annotation revokes."""
    listed = frozenset((*revoked, *(item.kid for item in record.policy.revoked if item.kid is not None)))
    found: dict[str, Offer] = {}
    claimed: dict[str, str] = {}
    for entry in record.policy.keys:
        seen = sources.get(entry.name)
        if seen is not None and is_as_read(seen.entry, entry):
            offer = _Reader(record, entry, listed, claimed).offer(seen)
            claimed |= {key.kid: key.thumbprint for key in (*offer.former, *((offer.key,) if offer.key else ()))}
            found[entry.name] = offer
    return found


def list_import_troubles(found: Offers) -> tuple[Trouble, ...]:
    """Return the condition of every source that cannot be used."""
    return tuple(
        Trouble(Reason.IMPORT_REFUSED, f"spec.keys[{name}].{offer.field}: {complaint}", about=name)
        for name, offer in found.items()
        for complaint in filter(None, (*offer.complaints, offer.left_out))
    )


def must_wait(policy: Policy, found: Offers) -> bool:
    """Tell whether a new set must not begin: what its sources hold would come too late for those who read it."""
    importing = [entry for entry in policy.keys if entry.import_ is not None]
    return any(
        entry.name not in found
        or found[entry.name].complaints
        or (entry.imports_private and found[entry.name].key is None)
        for entry in importing
    )


def is_followed(record: Record, entry: EntryPolicy) -> bool:
    """Tell whether the keys of an entry come from a source that is followed, and from nowhere else."""
    import_state = record.import_states.get(entry.name)
    return entry.imports_private and import_state is not None and import_state.followed


def generates_keys(record: Record, entry: EntryPolicy) -> bool:
    """Tell whether keys of an entry are made here; not before the one to be imported is there, where there is none."""
    if not entry.imports_private:
        return True
    if record.import_states.get(entry.name) is None:
        return record.active(entry.name) is not None
    return not is_followed(record, entry)


def is_imported(record: Record, key: KeyRecord) -> bool:
    """Tell whether a key was taken from the private source of its entry."""
    import_state = record.import_states.get(key.entry)
    return import_state is not None and key.thumbprint in import_state.taken


def remember_offer(record: Record, entry: str, offer: Offer) -> Record:
    """Return the record that remembers that an offer was taken, and that its sources have done their work."""
    before = record.import_states.get(entry, ImportState())
    marks = [_mark(key) for key in offer.former]
    marks += [] if offer.key is None else [offer.key.thumbprint]
    after = replace(
        before,
        taken=tuple(dict.fromkeys((*before.taken, *marks)))[-REMEMBERED:],
        sources=offer.sources,
        followed=offer.current is not None if offer.key is not None or offer.adopts else before.followed,
        lost_to_revocation=before.lost_to_revocation and offer.key is None,
    )
    return replace(record, import_states={**record.import_states, entry: after})


def settle_sources(record: Record, sources: Mapping[str, Sources], entries: Collection[str]) -> Record:
    """Return a rebuilt record in which what the private sources of these entries hold counts as taken before.

    So does a source that is gone by now. A followed one says what the key must be: that it is followed is all that
    is remembered.
    """
    for entry in record.policy.keys:
        if entry.name in entries and entry.import_ is not None:
            held = private_holding(sources.get(entry.name), entry)
            key = None if held is None or held.followed else held.keys[0]
            record = remember_offer(record, entry.name, Offer(key=key, sources=tuple(filter(None, names_of(entry)))))
            followed = record.import_states[entry.name].followed if held is None else held.followed
            import_state = replace(record.import_states[entry.name], followed=followed)
            record = replace(record, import_states={**record.import_states, entry.name: import_state})
    return record


def find_key_in_source(
    sources: Mapping[str, Sources], entry: EntryPolicy, published: Collection[FreshKey]
) -> FreshKey | None:
    """Return the key in an entry's private source if its public half is published: then it was the set's."""
    held = private_holding(sources.get(entry.name), entry)
    known = {(key.kid, key.thumbprint) for key in published}
    return next((key for key in held.keys if (key.kid, key.thumbprint) in known), None) if held is not None else None


def mark_revoked(record: Record, entry: str, *, lacking: bool) -> Record:
    """Return the record that knows whether an entry lost its key to a revocation, so that the next is used at once."""
    before = record.import_states.get(entry, ImportState())
    if before.lost_to_revocation == lacking:
        return record
    after = replace(before, lost_to_revocation=lacking)
    return replace(record, import_states={**record.import_states, entry: after})


def was_revoked(record: Record, entry: EntryPolicy) -> bool:
    """Tell whether the active key of an entry was revoked and the next one is used as soon as it is there."""
    return record.import_states.get(entry.name, ImportState()).lost_to_revocation


@dataclass(frozen=True, slots=True)
class _Reader:
    """What one entry's sources are measured against."""

    record: Record
    entry: EntryPolicy
    revoked: frozenset[str]
    claimed: Mapping[str, str]

    @property
    def import_state(self) -> ImportState:
        return self.record.import_states.get(self.entry.name, ImportState())

    def offer(self, seen: Sources) -> Offer:
        field = "external" if self.entry.is_external else "import"
        offer = Offer(complaints=tuple(self._missing(seen)), field=field)
        if isinstance(seen.private, Holding):
            take = self._with_external if self.entry.is_external else self._with_private
            offer = take(offer, seen.private)
        if isinstance(seen.public, Holding):
            offer = self._with_public(offer, seen.public)
        verdicts = zip((seen.private, seen.public), names_of(self.entry), strict=True)
        read = [name for verdict, name in verdicts if isinstance(verdict, Holding) and not offer.complaints]
        before = [name for name in self.import_state.sources if name in names_of(self.entry)]
        return replace(offer, sources=tuple(dict.fromkeys((*before, *read))))

    def _missing(self, seen: Sources) -> Iterator[str]:
        """A source that was taken from and is gone since has done its work, unless it is followed."""
        for verdict, name in zip((seen.private, seen.public), names_of(self.entry), strict=True):
            if not isinstance(verdict, Refusal):
                continue
            done = name in self.import_state.sources and not (verdict is seen.private and self.import_state.followed)
            if not done:
                yield verdict.message
            elif not verdict.absent:
                yield f"{verdict.message}; it was imported before, so the import may also be removed"

    def _with_external(self, offer: Offer, holding: Holding) -> Offer:
        """The next key is the first one behind all those that were taken: one at a time is pending."""
        offer = replace(offer, left_out=holding.left_out)
        pending = self.record.of(self.entry.name, State.PENDING)
        listed = {key.thumbprint for key in holding.keys}
        waiting = next((key.thumbprint for key in pending if key.thumbprint in listed), None)
        if waiting is not None:
            return replace(offer, current=waiting)
        taken = {*self.import_state.taken, *(key.thumbprint for key in self.record.keys)}
        places = [place for place, key in enumerate(holding.keys) if key.thumbprint in taken]
        for key in holding.keys[max(places, default=-1) + 1 :]:
            objection = self._objection(key)
            if objection is None:
                return replace(offer, key=key, current=key.thumbprint)
            left = f"{objection}; take it out of the ConfigMap"
            offer = replace(offer, left_out=f"{offer.left_out}; {left}" if offer.left_out else f"left out: {left}")
        return replace(offer, current=next(iter(listed & taken), ""))

    def _with_private(self, offer: Offer, holding: Holding) -> Offer:
        (key,) = holding.keys
        if holding.followed:
            theirs = None if self.entry.certificate is not None else holding.certificate
            offer = replace(offer, current=key.thumbprint, certificate=theirs)
        if self._in_use(key):
            return replace(offer, adopts=holding.followed and not self.import_state.followed)
        if key.thumbprint in self.import_state.taken and not holding.followed:
            return offer
        objection = self._objection(key)
        if objection is None:
            return replace(offer, key=key)
        cure = "issue a new one" if holding.followed else "import another key, or remove the import to generate one"
        return replace(offer, complaints=(*offer.complaints, f"secretRef holds {objection}; {cure}"))

    def _in_use(self, key: FreshKey) -> bool:
        living = (*self.record.of(self.entry.name, State.PENDING), *self.record.of(self.entry.name, State.ACTIVE))
        return any(known.thumbprint == key.thumbprint for known in living)

    def _with_public(self, offer: Offer, holding: Holding) -> Offer:
        """A key that this set holds or held as its own needs no second place."""
        known = {(key.kid, key.thumbprint) for key in self.record.keys} | set(self.claimed.items())
        known |= {(offer.key.kid, offer.key.thumbprint)} if offer.key is not None else set()
        former = []
        complaints = []
        for key in holding.keys:
            if (key.kid, key.thumbprint) in known or _mark(key) in self.import_state.taken or self._was_ours(key):
                continue
            objection = self._objection(key, also=() if offer.key is None else (offer.key,))
            if objection is None:
                former.append(key)
            else:
                complaints.append(f"publicRef holds {objection}; take it out of the ConfigMap")
        total = len(self.record.keys) + len(former) + (offer.key is not None)
        most = self.record.policy.publish.max_keys
        if former and total > most:
            complaints.append(
                f"publicRef would make {total} keys, more than spec.publish.maxKeys {most}; raise maxKeys"
            )
            former = []
        return replace(
            offer, former=tuple(former), complaints=(*offer.complaints, *complaints), left_out=holding.left_out
        )

    def _was_ours(self, key: FreshKey) -> bool:
        """Whether the key was imported with its private half and lived its whole life here."""
        return key.thumbprint in self.import_state.taken and digest_of(key.kid, key.thumbprint) in {
            stone.digest for stone in self.record.tombstones if stone.reason == State.DESTROYED
        }

    def _objection(self, key: FreshKey, also: tuple[FreshKey, ...] = ()) -> str | None:
        called = f"key {key.kid}"
        if key.kid in self.revoked:
            return f"{called}, which spec or annotation revokes"
        if is_buried(self.record, key):
            return f"{called}, which was destroyed or revoked in this set, or whose kid was"
        for known in self.record.keys:
            whole = key.has_private and known.thumbprint == key.thumbprint
            if known.kid == key.kid or whole:
                what = "is" if known.thumbprint == key.thumbprint else "has the kid of"
                return f"{called}, which {what} the {known.state} key {known.kid} of entry {known.entry} already"
        if key.kid in self.claimed or key.kid in {other.kid for other in also}:
            return f"{called}, whose kid names a key of another source too"
        return None


def _mark(key: FreshKey) -> str:
    return digest_of(key.kid, key.thumbprint)
