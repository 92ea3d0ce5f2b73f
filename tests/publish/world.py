"""A publisher over one of three bucket APIs, with a proxy between them."""

import asyncio
import json
import os
from collections.abc import Callable
from itertools import count
from time import monotonic

from jwks_operator.publish.bucket import Stored
from jwks_operator.publish.bucket_address import open_bucket
from jwks_operator.publish.publisher import Publisher
from jwks_operator.reconcile.backoff import Backoff
from jwks_operator.serve.shelf import Shelf, content_of
from publish.front import Front
from publish.servers import ACCOUNT, ACCOUNT_KEY, CONTAINER

NO_OAUTH = {"gcs_base_url": "http://127.0.0.1", "disable_oauth": True}
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "of-the-tests",
    "AWS_SECRET_ACCESS_KEY": "of-the-tests",
    "AWS_REGION": "eu-central-1",
    "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
    "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
    "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({**NO_OAUTH, "client_email": "", "private_key": "", "private_key_id": ""}),
}
QUICK = Backoff(first=0.01, most=0.05)
OWNER = "shop/auth"
SET = ".well-known/jwks.json"
OPENID = ".well-known/openid-configuration"
_numbers = count()


class World:
    """One publisher, running, at a prefix of its own; `front` is between it and the server, `direct` is not."""

    def __init__(self, scheme: str, front: Front, endpoints: tuple[str, str]) -> None:
        self.url = f"{scheme}://{CONTAINER}/{os.getpid()}/{next(_numbers)}"
        self.front = front
        self.endpoint = endpoints[0]
        self.direct = open_bucket(self.url, endpoints[1], 60)
        self.publisher = self.restarted()

    def restarted(self, *, take_over: bool = False, timeout: float = 30) -> Publisher:
        """A new publisher, not yet running."""
        self.publisher = Publisher(
            Shelf(), open_bucket(self.url, self.endpoint, timeout), OWNER, take_over=take_over, backoff=QUICK
        )
        return self.publisher

    def show(self, **files: bytes) -> None:
        """Put files on the shelf; `_` in their names stands for a hyphen, and `jwks` for jwks.json."""
        names = {
            "jwks": "jwks.json",
            "hints": "zz-serve.json",
            "openid": "openid-configuration",
            "past": "historical.jwt",
        }
        content = content_of({names[name]: body for name, body in files.items()}, None, 0.0)
        self.publisher.shelf.take(content)

    async def stored(self, name: str = SET) -> Stored:
        found = await self.direct.read(name)
        assert found is not None
        return found

    async def published(self) -> None:
        await until(lambda: self.publisher.confirmed is not None and self.publisher.is_published())


async def until(condition: Callable[[], object]) -> None:
    began = monotonic()
    while not condition():
        assert monotonic() - began < 120
        await asyncio.sleep(0.005)
