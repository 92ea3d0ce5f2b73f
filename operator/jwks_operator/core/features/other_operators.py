"""Two operators that look after one set by mistake: the record remembers who confirmed its last steps.

The fences keep everything right, but each operator disturbs the other one, and different versions or options of them
would write different objects. A replica that hands over does not come back under its name, because each term of a
leader has one of its own: a name that returns after another one proves that both are at work.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from jwks_operator.api.reasons import Reason
from jwks_operator.core.model.record import Record, Writer
from jwks_operator.core.model.trouble import Trouble

REMEMBERED = 4
"""How many operators in a row the record remembers."""
TOLD = timedelta(hours=1)
"""How long two operators are reported after the last change between them."""
CURE = (
    "let one of them look after the set: give all replicas one Lease, and separate installations namespaces or shards "
    "of their own"
)


def note_writer(record: Record, name: str, time: datetime) -> Record:
    """Return the record after this operator confirmed a step; an empty name is not noted."""
    if not name or (record.writers and record.writers[-1].name == name):
        return record
    return replace(record, writers=(*record.writers, Writer(name, time))[-REMEMBERED:])


def find_other_operator(record: Record | None, now: datetime) -> Trouble | None:
    """Return that two operators are at work; None if they are not, or if that is over."""
    names = [] if record is None else [writer.name for writer in record.writers]
    returned = next((number for number, name in enumerate(names) if name in names[number + 1 :]), None)
    if record is None or returned is None or now >= end_of_report(record):
        return None
    both = " and ".join(sorted(set(names[returned:])))
    return Trouble(Reason.OTHER_OPERATOR, f"several operators change this set at the same time: {both}", CURE)


def end_of_report(record: Record) -> datetime:
    """Return when two operators are not reported any more; the record has a writer."""
    return record.writers[-1].time + TOLD
