"""One bucket through obstore: conditional writes, reads, and its errors as one type.

Retries are the publisher's and not the library's: a retried conditional write that was answered once and lost looks
like the write of another client. An error says what was answered, never what is in the bucket.
"""

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from jwks_operator.publish.bucket_documents import Document
from jwks_operator.serve.check import MAX_BYTES

OWNER: Final = "jwks_operator_set"
"""Metadata of each object: the set that it was written for, NAMESPACE/NAME. Azure takes no hyphen in such a name."""
LONGEST_MESSAGE: Final = 300
_TOOK: Final = re.compile(r" in [0-9.]+(ns|µs|ms|s)\b")


class Cause(StrEnum):
    """Why a document is not known to be published: label `reason` of the metrics."""

    CHANGED = "Changed"
    DENIED = "Denied"
    FOREIGN = "Foreign"
    NOT_FOUND = "NotFound"
    UNCONFIRMED = "Unconfirmed"
    UNREACHABLE = "Unreachable"


class BucketError(Exception):
    """A request to the bucket has no usable answer, or one that forbids to go on; the message names the cure."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read; `version` is what a conditional write names, `owner` the set it was written for."""

    body: bytes
    content_type: str
    cache_control: str
    owner: str
    version: tuple[tuple[str, str], ...]

    def holds(self, document: Document) -> bool:
        """Tell whether readers get this document, octet for octet and with its headers."""
        headers = document.content_type, document.cache_control
        return self.body == document.body and (self.content_type, self.cache_control) == headers


class Bucket:
    """`url` is for messages; `requests` counts what was asked, by method."""

    def __init__(self, store: Any, url: str) -> None:
        self.url = url
        self.requests: Counter[str] = Counter()
        self._store = store

    async def read(self, name: str) -> Stored | None:
        """Return the object, None if the store says that there is none. Raise BucketError.

        An object that is too large to be a document comes without its octets.
        """
        self.requests["GET"] += 1
        try:
            found = await obstore.get_async(self._store, name)
            meta, attributes = found.meta, found.attributes
            body = bytes(await found.bytes_async()) if meta["size"] <= MAX_BYTES else b""
        except (FileNotFoundError, NotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._failure("read", name, error) from None
        return Stored(
            body,
            attributes.get("Content-Type", ""),
            attributes.get("Cache-Control", ""),
            attributes.get(OWNER, ""),
            _version(meta),
        )

    async def write(self, document: Document, owner: str, seen: Stored | None) -> None:
        """Write the document in the place of what was `seen`, None for nothing. Raise BucketError.

        After an error the object may be there all the same: read it.
        """
        self.requests["PUT"] += 1
        attributes = {"Content-Type": document.content_type, "Cache-Control": document.cache_control, OWNER: owner}
        mode: Any = "create" if seen is None else dict(seen.version)
        try:
            await obstore.put_async(
                self._store, document.name, document.body, attributes=attributes, mode=mode, use_multipart=False
            )
        except (BaseError, OSError) as error:
            raise self._failure("written", document.name, error) from None

    def _failure(self, what: str, name: str, error: Exception) -> BucketError:
        where = f"{self.url}/{name}"
        if isinstance(error, AlreadyExistsError | PreconditionError):
            return BucketError(Cause.CHANGED, f"{where} was changed by another client in the meantime")
        if isinstance(error, FileNotFoundError | NotFoundError):
            return BucketError(Cause.NOT_FOUND, f"{where} cannot be {what}: create the bucket of --to, or correct --to")
        words = _first_line(error)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            cure = "allow this identity to read and write that object"
            return BucketError(Cause.DENIED, f"{where} cannot be {what}: {cure}; {words}")
        if "169.254.169.254" in words or "metadata.google.internal" in words:
            cure = "no identity was found; give one by the platform or by a Secret (docs/buckets.md)"
            return BucketError(Cause.DENIED, f"{where} cannot be {what}: {cure}")
        return BucketError(Cause.UNREACHABLE, f"{where} cannot be {what}: {words}")


def _version(meta: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key, meta[key]) for key in ("e_tag", "version") if meta.get(key))


def _first_line(error: Exception) -> str:
    """Return the part of a message that is for people, the same each time; the rest is the library's state."""
    lines = str(error).splitlines()
    return _TOOK.sub("", lines[0] if lines else type(error).__name__)[:LONGEST_MESSAGE]
