"""Which keys wait for the endpoints of `spec.publish.serviceName` (docs/adr/0011)?"""

from jwks_operator.core.model.record import KeyRecord, Record
from jwks_operator.core.transitions.transition_table import State
from jwks_operator.keys.algorithms import KeyClass


def is_gated(key: KeyRecord) -> bool:
    """Tell whether endpoints are asked about a key: a pending signature key, or a retired encryption key."""
    if key.key_class is KeyClass.SIGNATURE:
        return key.state is State.PENDING and key.published is not None
    return key.key_class is KeyClass.ENCRYPTION and key.state is State.RETIRED and key.retired is not None


def awaits_endpoints(record: Record, key: KeyRecord) -> bool:
    """Tell whether a key lacks its confirmation by the endpoints: served before use, unserved before removal."""
    if record.policy.publish.service_name is None or not is_gated(key):
        return False
    return (key.served if key.state is State.PENDING else key.unserved) is None
