"""From a URL to a bucket: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`.

Identities and regions come as obstore reads them: from the environment of the platform's own tools.
"""

import os
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from jwks_operator.publish.bucket import Bucket

CONNECT_SECONDS: Final = 2

_STORES: Final[dict[str, tuple[Any, str]]] = {
    "s3": (S3Store, "endpoint"),
    "gs": (GCSStore, "base_url"),
    "az": (AzureStore, "endpoint"),
}
"""Scheme → store and its name of the option for another server."""
_NEEDED: Final = {
    "s3": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME",),
}
"""Scheme → environment variables one of which has to be there."""


class AddressRefused(ValueError):
    """The bucket cannot be opened as asked for; the message names the option and the cure."""


def open_bucket(url: str, endpoint: str | None, timeout: float) -> Bucket:
    """Open a bucket without asking for anything; `timeout` in seconds for one request. Raise AddressRefused.

    `endpoint` is the URL of the store's API if it is another one than the cloud's own.
    """
    scheme, place, prefix = _split(url)
    store, option = _STORES[scheme]
    needed = _NEEDED.get(scheme, ())
    if needed and not any(os.environ.get(name) for name in needed):
        raise AddressRefused(f"--to {url}: set {needed[0]} in the environment")
    plain = (endpoint or "").startswith("http://")
    try:
        opened = store(
            place,
            prefix=prefix or None,
            config={option: endpoint} if endpoint else None,
            client_options={
                "timeout": timedelta(seconds=timeout),
                "connect_timeout": timedelta(seconds=min(timeout, CONNECT_SECONDS)),
                "allow_http": plain,
            },
            retry_config={"max_retries": 0},
        )
    except (BaseError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise AddressRefused(f"--to {url}: {said}") from None
    return Bucket(opened, url.rstrip("/"))


def _split(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    if parts.scheme not in _STORES:
        raise AddressRefused(f"--to {url}: the URL begins with one of s3://, gs://, az://")
    if not parts.hostname or parts.netloc != parts.hostname or parts.query or parts.fragment:
        # Not quoted: a name and a password may be in it.
        raise AddressRefused(f"--to: the form is {parts.scheme}://BUCKET/PREFIX, the prefix may be left out")
    prefix = parts.path.strip("/")
    if prefix and not all(prefix.split("/")):
        raise AddressRefused(f"--to {url}: the prefix has an empty segment")
    return parts.scheme, parts.netloc, prefix
