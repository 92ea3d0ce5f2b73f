"""The one rule, seen from outside: no token may meet a verifier that lacks its key.

The observer logs, by true time, every published set, every key handed to signers and every fact stated. From
that it knows the worst that can happen: a server goes on with the former file for `propagation`, a verifier
holds what it fetched for the spread then stated, a signer goes on with the former key for `propagation`, and
a token is accepted for its lifetime and the skew then stated.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from jwks_operator.core.model.policy import Policy

FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Stated:
    """The facts in force from a time on."""

    since: datetime
    propagation: timedelta
    spread: timedelta
    validity: timedelta


@dataclass(frozen=True)
class Shown:
    """What one object showed from a time on; `tampered` if it was not ours."""

    since: datetime
    kids: frozenset[str]
    tampered: bool = False
    order: int = 0
    """Which came first, of things at the same time."""


@dataclass
class Observer:
    """What was published, what was in use, and which promises held when."""

    facts: list[Stated] = field(default_factory=list)
    sets: list[Shown] = field(default_factory=list)
    uses: list[Shown] = field(default_factory=list)
    exempt: set[str] = field(default_factory=set)
    """Keys used at once after an emergency or a loss."""

    def stated(self, now: datetime, policy: Policy, *, adopting: bool) -> None:
        """Take in the facts of a policy in force; while it is being adopted, caches may still follow the former."""
        known = policy.facts
        spread = known.cache_max_age + known.stale_window + known.edge_cache + known.verifier_refresh
        if adopting and self.facts:
            spread = max(spread, self.facts[-1].spread)
        self.facts.append(
            Stated(now, known.propagation, spread, known.token_lifetime + known.clock_skew),
        )

    def published(self, now: datetime, kids: Iterable[str], *, tampered: bool = False) -> None:
        self.sets.append(Shown(now, frozenset(kids), tampered, self._order()))

    def in_use(self, now: datetime, kids: Iterable[str], *, tampered: bool = False) -> None:
        use = Shown(now, frozenset(kids), tampered, self._order())
        if not self.uses or (self.uses[-1].kids, self.uses[-1].tampered) != (use.kids, tampered):
            self.uses.append(use)

    def _order(self) -> int:
        return len(self.sets) + len(self.uses)

    def gaps(self) -> list[str]:
        """Return every way in which a valid token could have been refused."""
        return list(self._gaps())

    def _gaps(self) -> Iterator[str]:
        sets = [(shown, self._held_until(shown.since, end)) for shown, end in _spans(self.sets)]
        for use, end in _spans(self.uses):
            last_valid = self._valid_until(use.since, end)
            for kid in use.kids - self.exempt:
                for shown, held in sets:
                    meet = shown.since < last_valid and use.since < held
                    if meet and kid not in shown.kids and self._counts(use, kid, shown):
                        yield (
                            f"{kid}, in use from {use.since:%d %H:%M:%S} with tokens until {last_valid:%d %H:%M:%S}, "
                            f"is not in the set of {shown.since:%d %H:%M:%S}, held until {held:%d %H:%M:%S}"
                        )

    def _counts(self, use: Shown, kid: str, shown: Shown) -> bool:
        """Whether the operator answers for it: not for a set, nor for a use, while others had a hand in it."""
        repaired = next((later.order for later in self.sets if later.order > shown.order), None)
        if shown.tampered and (repaired is None or repaired > self._begun(use, kid)):
            return False
        if not use.tampered:
            return True
        then = [earlier for earlier in self.sets if earlier.since <= use.since][-1]
        return shown.since > use.since and kid in then.kids

    def _begun(self, use: Shown, kid: str) -> int:
        """When the unbroken use of a key began that goes on in this one."""
        begun = use.order
        for earlier in reversed([one for one in self.uses if one.order < use.order]):
            if kid not in earlier.kids:
                break
            begun = earlier.order
        return begun

    def _held_until(self, start: datetime, end: datetime) -> datetime:
        """How long somebody may believe what was fetched between, and one propagation after."""
        last = _later(end, self._at(end).propagation)
        return max(_later(min(last, until), stated.spread) for stated, until in self._during(start, last))

    def _valid_until(self, start: datetime, end: datetime) -> datetime:
        last = _later(end, self._at(end).propagation)
        return max(_later(min(last, until), stated.validity) for stated, until in self._during(start, last))

    def _at(self, time: datetime) -> Stated:
        return [stated for stated in self.facts if stated.since <= time][-1]

    def _during(self, start: datetime, end: datetime) -> list[tuple[Stated, datetime]]:
        spans = zip(self.facts, [later.since for later in self.facts[1:]] + [FOREVER], strict=True)
        return [(stated, until) for stated, until in spans if until >= start and stated.since <= end]


def _spans(shown: list[Shown]) -> list[tuple[Shown, datetime]]:
    """Each thing shown with the time at which it was replaced."""
    return [*((one, other.since) for one, other in pairwise(shown)), *((one, FOREVER) for one in shown[-1:])]


def _later(time: datetime, wait: timedelta) -> datetime:
    return time if time == FOREVER else time + wait
