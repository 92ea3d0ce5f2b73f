"""Publishes one JWK Set into a bucket: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.

From ConfigMap to bucket: `serve.configmap` follows it and `serve.shelf` keeps the last good content, checked as for the
server → `documents` names its objects with their headers → `publisher` writes each of them, the set before discovery,
and reads it back → `bucket` is the only file that knows obstore. `bucket_address` opens a bucket by its URL,
`publish_status` has probes and metrics, `publish_command` is the command line.

Rules: content that the server would refuse never leaves the cluster; a write is conditional on what was read; no error
means "not written", only what was read back counts; a set at rest costs no request to the bucket; nothing is deleted.
The room knows no cloud's account: identities are the platform's, or come by the environment.
"""
