"""Connections take file descriptors: as many are allowed as there are, with room left for probes and files."""

import logging
import resource
from typing import Final

ROOM: Final = 128
"""Descriptors beside connections: 64 for the admin port, 16 refusals on each port, and 32 for listeners, files that are
read again and the event loop."""

_log = logging.getLogger(__name__)


def allow_connections(wanted: int) -> int:
    """Raise the soft limit of descriptors as far as is needed and allowed; return how many connections fit, at least 1.

    Without it the limit is met first: then nothing is accepted any more, probes included.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + ROOM
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    fitting = max(1, soft - ROOM)
    _log.warning("at most %d connections instead of %d, because of the limit of open files: %d", fitting, wanted, soft)
    return fitting
