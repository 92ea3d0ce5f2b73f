"""The access log, off by default: one JSON object a line on standard output."""

import json
import sys
import time
from asyncio import BaseTransport

from jwks_operator.httpd.reply import Reply
from jwks_operator.httpd.request import Request


def write_access_line(request: Request, reply: Reply, transport: BaseTransport) -> None:
    """Write one line, without the query and the headers of the request."""
    peer = transport.get_extra_info("peername")
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "client": peer[0] if isinstance(peer, tuple) else "",
        "method": request.method.decode("latin-1"),
        "path": request.path.decode("latin-1"),
        "status": reply.status,
        "bytes": reply.size,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
