"""kopf watches one shard with these settings: it writes nothing, needs no further rights and survives any outage."""

from collections.abc import Iterator

import kopf

from jwks_operator.api.names import GROUP, PLURAL, VERSION
from jwks_operator.api.shards import Shard, selector_of_objects, selector_of_sets
from jwks_operator.watch.event_router import CONFIG_MAPS, SECRETS

PAGE = 500
"""Objects in one page of a list."""
WATCH_SECONDS = 300
REQUEST_SECONDS = 30


def make_settings(shard: Shard = None) -> kopf.OperatorSettings:
    """Return settings with which kopf only watches a shard, needs no further rights, and survives any outage."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    # The namespaces are known, and resync.py finds out whether the CRD is served: kopf scans for nothing.
    chosen.scanning.disabled = True
    # Without handlers that need a finalizer, kopf removes its own from objects. Another operator may use the usual
    # name; no operator uses this one.
    chosen.persistence.finalizer = f"{GROUP}/no-finalizer"
    chosen.process.ultimate_exiting_timeout = None  # the process ends itself
    chosen.queueing.idle_timeout = 0.5
    chosen.queueing.exit_timeout = 0.5
    chosen.watching.chunk_size = PAGE
    chosen.watching.server_timeout = WATCH_SECONDS  # kopf writes it into the URL, where only an int is valid
    chosen.watching.client_timeout = WATCH_SECONDS + REQUEST_SECONDS
    chosen.watching.connect_timeout = REQUEST_SECONDS
    chosen.watching.label_selectors[GROUP, VERSION, PLURAL] = selector_of_sets(shard)
    chosen.watching.label_selectors["", "v1", SECRETS] = selector_of_objects(shard)
    chosen.watching.label_selectors["", "v1", CONFIG_MAPS] = selector_of_objects(shard)
    chosen.networking.request_timeout = REQUEST_SECONDS
    chosen.networking.connect_timeout = REQUEST_SECONDS
    chosen.networking.error_backoffs = RetryPauses()
    chosen.networking.enforce_retry_after = True
    return chosen


class RetryPauses:
    """Seconds between attempts, without end; each iteration starts from the first."""

    def __iter__(self) -> Iterator[float]:
        """Yield 0.2, 0.4, and so on up to 10, then always 10."""
        pause = 0.2
        while True:
            yield pause
            pause = min(10.0, pause * 2)
