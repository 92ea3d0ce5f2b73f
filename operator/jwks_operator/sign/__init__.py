"""How does an application sign without holding a key? A process of its own signs for it, on a Unix socket.

`key_directory` follows the mounted consumer Secret (`mounted_volume`), `claims` says what may be signed, `sign_site`
answers requests, `caller` asks the kernel which user calls, `problems` are the refusals and their cures, `usage`
counts, `unix_socket` and `hardening` guard socket and memory, `admin_pages` are the probes, `sign_command` is the
command line (with `octal_mode`; `signer_process` is what both signers share).

Rules: no answer, log line or metric holds private bytes; the header is made here, never taken from a caller; no token
outlives `tokenLifetime`; a key that is not active any more signs nothing, from the moment of the kubelet's swap.
"""
