"""The only type for private bytes.

It prints as `<redacted>` wherever Python prints things, is not pickled, copied or written as JSON, and
gives its members only through `reveal`, so that a search for that word finds every reader. It defends against
accidents (a log line, a debugger's listing of locals, a dataclass in an exception), not against hostile code.
"""

import hmac
import json
from collections.abc import Callable, Hashable, Mapping
from typing import Never, Self, TypeAlias, TypeVar, cast

from jwks_operator.keys.algorithms import COMMON_MEMBERS
from jwks_operator.keys.key_errors import InvalidMemberError
from jwks_operator.keys.members import (
    algorithm_of,
    canonical_json,
    check_use,
    common_members,
    complete_members,
    kid_of,
    text,
)

REDACTED = "<redacted>"
Made = TypeVar("Made")


class PrivateJwk:
    """A complete private or symmetric JWK (RFC 7517): common members, public and private ones."""

    __slots__ = ("_kid", "_made", "_read")

    def __init__(self, kid: str, canonical: bytes) -> None:
        self._kid = kid
        # A closure, not a field: a tool that lists attributes and prints their values finds a function.
        self._read: Callable[[], bytes] = lambda: canonical
        self._made: dict[Hashable, Callable[[], object]] = {}

    @classmethod
    def from_members(cls, members: Mapping[str, object]) -> Self:
        """Take the members of a private JWK that this operator wrote itself, in any order.

        Cheap: shape and names are checked against the tables, the numbers are not (`jwk.parse_private` does,
        for keys from elsewhere). Raises UnsupportedKeyError or InvalidMemberError.
        """
        algorithm = algorithm_of(members)
        names = complete_members(algorithm)
        if not members.keys() <= {*COMMON_MEMBERS, *names}:
            raise InvalidMemberError(f"a member is none of those of an {algorithm.kty} key")
        if "use" not in members or (algorithm.private_ops and "key_ops" not in members):
            raise InvalidMemberError("use or key_ops is missing")
        check_use(members, algorithm, required=algorithm.private_ops, possible=algorithm.private_ops)
        kid = kid_of(members)
        common = common_members(algorithm, algorithm.private_ops, kid)
        return cls(kid, canonical_json(common | {name: text(members, name) for name in names}))

    @property
    def kid(self) -> str:
        """The key ID, which is public."""
        return self._kid

    def reveal(self) -> dict[str, object]:
        """Return all members in canonical order, private ones too: for keyring and consumer Secret only."""
        members: dict[str, object] = json.loads(self._read())
        return members

    def reveal_json(self) -> bytes:
        """Return the canonical JSON of `reveal`, under the same warning."""
        return self._read()

    def once(self, what: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of this key, under the same warning; it is asked once for each `what`."""
        if what not in self._made:
            made = make()
            self._made[what] = lambda: made
        return cast(Made, self._made[what]())

    def opened(self, load: Callable[[dict[str, object]], Made]) -> Made:
        """Return the key object that `load` makes of the members, likewise."""
        return self.once(load, lambda: load(self.reveal()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrivateJwk):
            return NotImplemented
        return hmac.compare_digest(self._read(), other._read())

    def __hash__(self) -> int:
        return hash(self._kid)

    def __repr__(self) -> str:
        return REDACTED

    def __format__(self, format_spec: str) -> str:
        return REDACTED

    def __getstate__(self) -> Never:
        raise TypeError("a private key is neither pickled nor copied")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a private key is neither pickled nor copied")


PrivateKeys: TypeAlias = Mapping[str, PrivateJwk]
"""Private halves by kid."""
