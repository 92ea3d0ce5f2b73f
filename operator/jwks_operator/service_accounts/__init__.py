"""How does kube-apiserver sign service account tokens with keys that rotate? It asks this process, over gRPC.

The external signer of KEP-740: `ExternalJWTSigner` v1 on a Unix socket, for `--service-account-signing-endpoint`.
`wire_format` is as much of Protocol Buffers as `messages` needs; `grpc_connection` and `grpc_server` are gRPC on HTTP/2
(h2); `published_keys` are the public keys of the mounted set, `token_signer` answers the three calls, and
`service_accounts_command` is the command line. Volume, socket, callers, claims and counters are those of `sign`.

Rules: a caller of the socket is cluster-admin, so it has a process, a socket and a key of its own; only a key that
FetchKeys answers signs, since kube-apiserver does not check signatures; no key is answered that kube-apiserver cannot
publish; FetchKeys does no I/O, since every token with an unknown kid asks for it.
"""
