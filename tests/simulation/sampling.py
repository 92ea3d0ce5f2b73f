"""Single lives through a history: something is made with a real document and met by a reader of another one.

Where `promise` argues, this plays: each delay is drawn on its own (kubelet, edge, caches, verifier, lifetime), and
who checks looks into the very JSON that the API server held then. A refusal here that is no gap there, would be a
fault of the argument.
"""

from datetime import datetime, timedelta
from random import Random

from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.keys.members import thumbprint
from simulation.chronicle import CACHES, Chronicle, Shown, Stated


def refused(chronicle: Chronicle, random: Random, lives: int) -> list[str]:
    """Return what was refused of so many lives per class; documents that people wrote are left out."""
    return [
        complaint
        for kind in KeyClass
        for _ in range(lives)
        for complaint in (_life(chronicle, kind, random),)
        if complaint is not None
    ]


def _life(chronicle: Chronicle, kind: KeyClass, random: Random) -> str | None:
    uses, checks = chronicle.sides[kind].use, chronicle.sides[kind].check
    if not uses or not checks or any(shown.tampered for shown in (*uses, *checks)):
        return None  # in whose history people had a hand is for `promise` to judge
    begin, end = uses[0].since, chronicle.now()
    made = begin + (end - begin) * random.random()
    facts = _at(chronicle, made)
    document = _read(chronicle, uses, made, random, cached=kind is KeyClass.ENCRYPTION)
    met = made + facts.validity * random.random()
    if document is None or met > end:
        return None
    seen = _read(chronicle, checks, met, random, cached=kind is KeyClass.SIGNATURE)
    for kid, key in document.keys.items():
        known = None if seen is None else seen.keys.get(kid)
        protected = kid in chronicle.known and kid not in chronicle.exempt
        if protected and seen is not None and (known is None or thumbprint(known) != thumbprint(key)):
            return f"{kind} {kid[:6]}, made {made:%d %H:%M:%S} and met {met:%d %H:%M:%S}"
    return None


def _read(chronicle: Chronicle, side: list[Shown], time: datetime, random: Random, *, cached: bool) -> Shown | None:
    """The document that somebody holds at a time, after every cache on its way and the kubelet."""
    if cached:
        for cache in CACHES:
            time -= _oldest(chronicle, cache, time) * random.random()
    time -= _oldest(chronicle, "propagation", time) * random.random()
    then = [shown for shown in side if shown.since <= time]
    return then[-1] if then else None


def _oldest(chronicle: Chronicle, part: str, time: datetime) -> timedelta:
    return _at(chronicle, time).parts[part]


def _at(chronicle: Chronicle, time: datetime) -> Stated:
    then = [stated for stated in chronicle.facts if stated.since <= time]
    return then[-1] if then else chronicle.facts[0]
