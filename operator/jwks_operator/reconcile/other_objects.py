"""Repairs what no step writes: copies, and objects under former names."""

from dataclasses import replace

from jwks_operator.api.reasons import EventReason
from jwks_operator.core.features.renamed_objects import list_unneeded
from jwks_operator.core.model.observed_state import Reading
from jwks_operator.core.model.record import RecordedEvent
from jwks_operator.kube.apply import StepResult, apply_copies, apply_former
from jwks_operator.kube.client import Client
from jwks_operator.kube.gather import Gathered


async def repair_other_objects(client: Client, gathered: Gathered, reading: Reading) -> StepResult:
    """Repair copies and objects under former names, and delete those that are not needed any more. Raises KubeError."""
    record = gathered.observed.record
    unneeded = frozenset[str]() if record is None else list_unneeded(record, reading)
    kept = await apply_former(client, gathered, unneeded)
    result = await apply_copies(client, kept, repairs=True)
    gone = gathered.former.seen.keys() - kept.former.seen.keys()
    if not gone:
        return result
    removed = RecordedEvent(EventReason.OBJECTS_REMOVED, f"{' and '.join(sorted(gone))}: a former name")
    return replace(result, events=(*result.events, removed))
