"""The one rule, seen from outside and for the worst case: nothing made with a key may meet a checker without it.

| class | the use side shows a key to | for | the check side shows it to | for |
|---|---|---|---|---|
| signature | signers | propagation | verifiers | propagation + spread |
| encryption | senders | propagation + spread | receivers | propagation |
| symmetric | holders | propagation | holders | propagation |

A document may be held by somebody from the moment it is written until that long after it was replaced; what is
made with a key of it is good for tokenLifetime and clockSkew more. Two such spans that meet, with the key in the
one and not in the other, are a gap. Facts count as they stood when the delay in question began.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from jwks_operator.keys.algorithms import KeyClass
from simulation.chronicle import Chronicle, Shown, Sides, Stated

SPANS_JUDGED: list[int] = []
"""Per history that was judged to its end, how many spans of use were held against spans of checking."""
FOREVER = datetime.max.replace(tzinfo=UTC)


class Promise:
    """Judges what a chronicle holds so far."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle

    def gaps(self) -> list[str]:
        """Return every way in which something valid could have been refused, or something revoked accepted."""
        found = [gap for kind, sides in self._chronicle.sides.items() for gap in self._gaps(kind, sides)]
        return [*found, *self._survivals(), *self._unpublished(), *self._unopenable(), *self._trusted_for_long()]

    def count_spans(self) -> int:
        """Return how many times a use of a key is held against what a checker may hold."""
        known = self._chronicle.known.keys()
        sides = self._chronicle.sides.values()
        return sum(len(use.kids & known) for each in sides for use in each.use for _ in each.check)

    def _gaps(self, kind: KeyClass, sides: Sides) -> Iterator[str]:
        checks = [
            (shown, self._held(shown, end, cached=kind is KeyClass.SIGNATURE)) for shown, end in spans(sides.check)
        ]
        for use, end in spans(sides.use):
            last_valid = self._valid(self._held(use, end, cached=kind is KeyClass.ENCRYPTION), use.since)
            for kid in (use.kids & self._chronicle.known.keys()) - self._chronicle.exempt:
                for shown, held in checks:
                    meet = shown.since < last_valid and use.since < held
                    if meet and kid not in shown.kids and self._counts(sides, use, kid, shown):
                        yield (
                            f"{kind} {kid[:6]}, in use from {use.since:%d %H:%M:%S} and valid until "
                            f"{last_valid:%d %H:%M:%S}, is not in what was shown from {shown.since:%d %H:%M:%S} "
                            f"and held until {held:%d %H:%M:%S}"
                        )

    def _counts(self, sides: Sides, use: Shown, kid: str, shown: Shown) -> bool:
        """Whether the operator answers for it: not for a document, nor for a use, while others had a hand in it."""
        repaired = next((one.order for one in sides.check if one.order > shown.order and not one.tampered), None)
        if shown.tampered and (repaired is None or repaired > _begun(sides.use, use, kid)):
            return False
        if not use.tampered:
            return True
        then = [earlier for earlier in sides.check if earlier.order <= use.order]
        return bool(then) and shown.order > use.order and kid in then[-1].kids

    def _unpublished(self) -> Iterator[str]:
        """Even a key that is used at once is published before: whoever looks for it must be able to find it."""
        sides = self._chronicle.sides[KeyClass.SIGNATURE]
        for use in sides.use:
            then = [shown for shown in sides.check if shown.order < use.order][-1:]
            if not use.tampered and not any(shown.tampered for shown in then):
                for kid in use.kids - frozenset().union(*(shown.kids for shown in then)):
                    yield f"signature {kid[:6]}, in use from {use.since:%d %H:%M:%S}, is not published then"

    def _unopenable(self) -> Iterator[str]:
        """And nobody seals with a key, even with the first one, that those who open were not shown before."""
        sides = self._chronicle.sides[KeyClass.ENCRYPTION]
        for use in sides.use:
            then = [shown for shown in sides.check if shown.order < use.order][-1:]
            if not use.tampered and not any(shown.tampered for shown in then):
                for kid in use.kids - frozenset().union(*(shown.kids for shown in then)):
                    yield f"encryption {kid[:6]}, in use from {use.since:%d %H:%M:%S}, cannot be opened with then"

    def _trusted_for_long(self) -> Iterator[str]:
        """Nobody trusts a revoked key for longer than the status says while it is being forgotten."""
        documents = spans(self._chronicle.sides[KeyClass.SIGNATURE].check)
        for kid, revoked in self._chronicle.revoked.items():
            gone = max((end for shown, end in documents if kid in shown.kids and end != FOREVER), default=None)
            own = all(not shown.tampered for shown, end in documents if kid in shown.kids and end >= revoked)
            if gone is None or gone < revoked or not own:
                continue
            held = max(self._held(shown, end, cached=True) for shown, end in documents if kid in shown.kids)
            told = self._told(gone, held)
            if told is not None and held > gone + told:
                yield f"signature {kid[:6]}, withdrawn {gone:%d %H:%M:%S}, is trusted until {held:%d %H:%M:%S}"

    def _told(self, since: datetime, until: datetime) -> timedelta | None:
        """The longest latency that the status told of at that time, and until then."""
        latencies = self._chronicle.latencies
        ends = [*(time for time, _ in latencies[1:]), FOREVER]
        told = [span for (time, span), end in zip(latencies, ends, strict=True) if end > since and time <= until]
        return max(told, default=None)

    def _survivals(self) -> Iterator[str]:
        """A revoked key must be on no side that the operator writes after the step that revoked it was done."""
        for kid, since in self._chronicle.revoked.items():
            for kind, sides in self._chronicle.sides.items():
                for shown, end in (*spans(sides.check), *spans(sides.use)):
                    if kid in shown.kids and not shown.tampered and shown.since > since:
                        yield f"{kind} {kid[:6]}, revoked {since:%d %H:%M:%S}, is shown from {shown.since:%d %H:%M:%S}"
                    if kid in shown.kids and not shown.tampered and end == FOREVER:
                        yield f"{kind} {kid[:6]}, revoked {since:%d %H:%M:%S}, is still shown"

    def _held(self, shown: Shown, end: datetime, *, cached: bool) -> datetime:
        """How long somebody may go by what was shown until `end`: the delays that began meanwhile, at their longest."""
        last = max((later(min(end, until), s.propagation) for s, until in self._during(shown.since, end)), default=end)
        if not cached:
            return last
        return max((later(min(last, until), s.spread) for s, until in self._during(shown.since, last)), default=last)

    def _valid(self, last: datetime, start: datetime) -> datetime:
        return max((later(min(last, until), s.validity) for s, until in self._during(start, last)), default=last)

    def _during(self, start: datetime, end: datetime) -> list[tuple[Stated, datetime]]:
        facts = self._chronicle.facts
        between = zip(facts, [*(after.since for after in facts[1:]), FOREVER], strict=True)
        return [(stated, until) for stated, until in between if until >= start and stated.since <= end]


def spans(shown: list[Shown]) -> list[tuple[Shown, datetime]]:
    """Each version with the time at which it was replaced."""
    return [*((one, other.since) for one, other in pairwise(shown)), *((one, FOREVER) for one in shown[-1:])]


def later(time: datetime, wait: timedelta) -> datetime:
    """Return the time after a wait; there is nothing after for ever."""
    return time if time == FOREVER else time + wait


def _begun(uses: list[Shown], use: Shown, kid: str) -> int:
    """When the use of a key began that goes on in this one; whoever tampered with it in between did not end it."""
    begun = use.order
    for earlier in reversed([one for one in uses if one.order < use.order]):
        if kid in earlier.kids:
            begun = earlier.order
        elif not earlier.tampered:
            break
    return begun
