"""The HTTP server that publishes JWK Sets.

From content to answer: `mounted` or `configmap` read files → `check` and `hints` validate them → `shelf` keeps the
last good content → `site` and `reply_pages` map it to paths → `reply` renders messages. From octets
to answer: `request` parses and limits (httptools), `connection` is the protocol of one client, `server` one port
with its clock, limits and drain. `worker` is one such process, `supervisor` runs several, `serve_command` is
the command line; `secured` and `tls`, `probes`, `server_metrics` and `access` serve operation.

Rules: a request never reads the disk; unchecked content is not served; a bad set never replaces a good one. The server
needs only a directory, so it also runs as a sidecar without credentials; only `configmap` knows the cluster, and it is
loaded only for `--watch-configmap`.
"""
