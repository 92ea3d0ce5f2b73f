"""How do clients get the set? The room of the HTTP server that publishes JWK Sets.

From content to answer: `mounted` or `configmap` find files → `check` and `hints` judge them → `shelf` keeps the
last good content → `site` and `pages` know what stands under which path → `reply` renders messages. From octets
to answer: `request` parses and limits (httptools), `connection` is the protocol of one client, `server` one port
with its clock, limits and drain. `worker` is one process of all that, `supervisor` several of them, `command` the
command line; `secured` and `tls`, `probes`, `metrics` and `access` are what an operator needs around it.

Rules: a request never touches the disk; what was not checked is not served; a bad set never replaces a good
one. The room needs a directory and nothing else, so it also runs as a sidecar without any credentials; only
`configmap` knows the cluster, and it is loaded only where it is asked for.
"""
