"""The public keys of the mounted set, as kube-apiserver can publish them, and the answer to FetchKeys made from them.

kube-apiserver takes RSA and P-256, P-384 and P-521 for RS256, ES256, ES384 and ES512. One other key among them, and its
discovery document and JWK Set freeze silently while it goes on to ask for tokens; a kid of more than 1024 characters
makes it drop the whole answer. Such keys are left out, each with a trouble that names it. A set that cannot be read
changes nothing.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jwks_operator.keys.jwk import JwkError, parse_json_strict, parse_public
from jwks_operator.keys.key_errors import MalformedJsonError, UnsupportedKeyError
from jwks_operator.keys.members import list_keys
from jwks_operator.keys.public_pem import public_der
from jwks_operator.service_accounts.messages import PublicKey, write_fetch_keys_response
from jwks_operator.sign.mounted_volume import MountedVolume

ALGORITHMS: Final = ("RS256", "ES256", "ES384", "ES512")
MOST_KID: Final = 1024

_log = logging.getLogger(__name__)


class PublishedKeys:
    """The keys of the JWK Set at `path` by kid, and the octets of the answer; `hidden` are kept out of discovery."""

    def __init__(self, path: Path, refresh_hint: int, hidden: frozenset[str] = frozenset()) -> None:
        self.keys: dict[str, Mapping[str, object]] = {}
        self.answer = b""
        self.troubles: dict[str, str] = {}
        self.reads = 0
        self._path = path
        self._volume = MountedVolume(path.parent, lambda name: name == path.name)
        self._hint = refresh_hint
        self._hidden = hidden
        self._content: bytes | None = None

    def refresh(self) -> bool:
        """Follow a swap of the kubelet; cheap. Tell whether there are other keys."""
        return self._volume.was_swapped() and self.reload()

    def poll(self) -> bool:
        """Follow a swap, or a change of a plain directory. Tell whether there are other keys."""
        return self._volume.may_have_changed() and self.reload()

    def reload(self) -> bool:
        """Read the set that is on disk now. Tell whether there are other keys."""
        now = time.time_ns()
        try:
            content = self._volume.read()[self._path.name]
            if content == self._content:
                return False
            document = parse_json_strict(content)
        except OSError as error:
            return self._keep(f"{self._path} cannot be read: {error.strerror}")
        except KeyError:
            return self._keep(f"{self._path} is missing")
        except MalformedJsonError as error:
            return self._keep(f"{self._path}: {error}")
        if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
            return self._keep(f"{self._path} is not a JWK Set")
        self._content = content
        self._take(list_keys(document), now)
        return True

    def may_sign(self, kid: str) -> bool:
        """Tell whether kube-apiserver gets the key, and publishes it."""
        return kid in self.keys and kid not in self._hidden

    def _take(self, values: list[object], now: int) -> None:
        keys: dict[str, Mapping[str, object]] = {}
        written: list[PublicKey] = []
        troubles: dict[str, str] = {}
        for number, value in enumerate(values, start=1):
            try:
                jwk = _publishable(value)
                kid = str(jwk["kid"])
                written.append(PublicKey(kid, public_der(jwk), kid in self._hidden))
                keys[kid] = jwk
            except JwkError as error:
                troubles[f"key {number} of {self._path.name}"] = f"{error}; kube-apiserver does not get it"
        self.keys = keys
        self.answer = write_fetch_keys_response(written, now, self._hint) if written else b""
        self.reads += 1
        self._tell(troubles)
        _log.info("published: %s", ", ".join(keys) or "none")

    def _keep(self, trouble: str) -> bool:
        self._tell({self._path.name: trouble})
        return False

    def _tell(self, troubles: dict[str, str]) -> None:
        for name, trouble in troubles.items():
            if self.troubles.get(name) != trouble:
                _log.error("%s: %s", name, trouble)
        self.troubles = troubles


def _publishable(value: object) -> Mapping[str, object]:
    """Return the public JWK; raises JwkError for one that kube-apiserver cannot publish."""
    jwk = parse_public(value)
    if jwk["alg"] not in ALGORITHMS:
        raise UnsupportedKeyError(f"{jwk['alg']} is none of {', '.join(ALGORITHMS)}")
    if not 0 < len(str(jwk["kid"]).encode()) <= MOST_KID:
        raise UnsupportedKeyError(f"its kid does not have 1 to {MOST_KID} octets")
    return jwk
