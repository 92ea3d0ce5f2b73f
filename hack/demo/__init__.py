"""The demo: real control plane, operator, signer and verifier, and keys that rotate every few seconds.

Only the operator and the server are ours; the API server, kubectl, PyJWT and its PyJWKClient are not.
Nothing is special about the operator: it runs as its own service account with the rights and under the
policies of the chart. What makes the demo quick are the facts in `overlay.yaml`: short caches and tokens,
therefore a short lead and retention.
"""
