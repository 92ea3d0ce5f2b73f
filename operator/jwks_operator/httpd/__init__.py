"""HTTP/1.1 on one socket: requests from octets, limits, deadlines and rendered replies, for `serve` and `sign`.

`request` parses and limits (httptools), `connection` is the protocol of one client, `server` one listening socket with
its clock, limits and drain; `reply` renders messages, `counters` counts, `exposition` writes Prometheus text,
`secured` adds TLS. What is answered is the business of a `Site`.
"""
