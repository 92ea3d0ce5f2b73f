"""What the operator tells Prometheus: a catalog of families, a memory of the sets, and the page that is scraped.

Rules of the room: no key material and no kid ever; no series for each set, because there may be ten thousand of
them, except for those that need attention, and of these at most a hundred (docs/adr/0012). Nothing is asked of the
cluster for a scrape: gauges are worked out from what the passes left here.
"""
