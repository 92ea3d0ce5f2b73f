"""How do clients get the set? The room of the HTTP server that publishes a mounted JWK Set.

`check` decides whether bytes may be published at all, `source` follows what is on disk, `http` answers
requests from memory, `command` is the process around them. The room knows neither Kubernetes nor the
operator: it needs a directory and nothing else, so it also runs as a sidecar without any credentials.

Rules: a request never touches the disk; what was not checked is not served; a bad set never replaces a good
one.
"""
