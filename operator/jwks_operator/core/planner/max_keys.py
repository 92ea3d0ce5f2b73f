"""Which transitions make the published set one key longer, and the trouble of those that `publish.maxKeys` holds?"""

from collections.abc import Iterable, Iterator

from jwks_operator.api.reasons import Reason
from jwks_operator.core.model.record import Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.candidate import Candidate
from jwks_operator.core.timing.formulas import entry_named
from jwks_operator.core.transitions.transition_table import Transition
from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass


def is_one_more(record: Record, candidate: Candidate) -> bool:
    """Tell whether a candidate publishes one more key; one that only replaces another does not count.

    A signature key is published before it is used, an encryption key when it comes into use, a symmetric one never.
    """
    entry = entry_named(record.policy, candidate.entry)
    key_class = None if entry is None else ALGORITHMS[entry.algorithm].key_class
    if key_class is KeyClass.ENCRYPTION and candidate.transition is Transition.ACTIVATE:
        former = record.active(candidate.entry)
        return former is None or former.key_class is not KeyClass.ENCRYPTION
    if key_class is not KeyClass.SIGNATURE:
        return False
    if candidate.transition is Transition.IMPORT:
        return candidate.offer is not None and candidate.offer.key is not None
    return candidate.transition is Transition.PUBLISH


def describe_held(record: Record, held: Iterable[Candidate]) -> Iterator[Trouble]:
    """Yield a trouble for each entry whose next key is held."""
    for candidate in held:
        yield Trouble(
            Reason.TOO_MANY_KEYS,
            f"the next key of {candidate.entry} would be more than spec.publish.maxKeys "
            f"{record.policy.publish.max_keys}, so it waits until a retired key is removed",
            "raise maxKeys, rotate less often or shorten retention",
            about=candidate.entry,
        )
