"""The messages of `k8s.io/externaljwt/apis/v1`, in and out of their octets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from jwks_operator.service_accounts.wire_format import read_text, write_integer, write_message, write_octets

SERVICE: Final = b"/v1.ExternalJWTSigner/"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key that verifies: SubjectPublicKeyInfo in DER, and whether discovery leaves it out."""

    kid: str
    der: bytes
    hidden: bool = False


def read_sign_request(message: bytes) -> str:
    """Return the payload of the token in base64url, as it stands in it; raises MalformedMessage."""
    return read_text(message, 1)


def write_sign_response(header: str, signature: str) -> bytes:
    """Return the answer to Sign: the first and the last segment of the token."""
    return write_octets(1, header.encode("ascii")) + write_octets(2, signature.encode("ascii"))


def write_fetch_keys_response(keys: Iterable[PublicKey], data_timestamp: int, refresh_hint: int) -> bytes:
    """Return the answer to FetchKeys: keys, when they were read in nanoseconds, and when to ask again in seconds."""
    written = b"".join(write_message(1, _key(key)) for key in keys)
    seconds, nanoseconds = divmod(data_timestamp, 1_000_000_000)
    timestamp = write_message(2, write_integer(1, seconds) + write_integer(2, nanoseconds))
    return written + timestamp + write_integer(3, refresh_hint)


def write_metadata_response(max_token_expiration: int) -> bytes:
    """Return the answer to Metadata: the longest life of a token in seconds."""
    return write_integer(1, max_token_expiration)


def _key(key: PublicKey) -> bytes:
    return write_octets(1, key.kid.encode()) + write_octets(2, key.der) + write_integer(3, key.hidden)
