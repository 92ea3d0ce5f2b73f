"""The HTTP server that publishes JWK Sets.

From content to answer: `mounted` or `configmap` read files → `check` and `hints` validate them → `shelf` keeps the
last good content → `site` and `reply_pages` map it to paths and rendered messages; the room `httpd` carries them.
`worker` is one process, `supervisor` runs several, `serve_command` is the command line; `tls`, `probes` and
`server_metrics` serve operation.

Rules: a request never reads the disk; unchecked content is not served; a bad set never replaces a good one. The server
needs only a directory, so it also runs as a sidecar without credentials; only `configmap` knows the cluster, and it is
loaded only for `--watch-configmap`.
"""
