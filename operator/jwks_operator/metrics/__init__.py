"""The metrics of the operator: the catalog of families, the gauges of sets, and the page that Prometheus scrapes.

Rules of the room: no metric has key material or a kid. Only sets that need attention have series of their own, at most
a hundred, because there may be ten thousand sets (docs/adr/0012). A scrape sends no request to the cluster: gauges are
computed from the results of the passes.
"""
