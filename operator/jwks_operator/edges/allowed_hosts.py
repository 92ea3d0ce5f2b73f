"""Which URLs may be asked? Those whose host the administrator of the operator allows; everything else is refused.

A pattern is `[http://]host[:port]`. `*` stands for one label: `*.example.com` allows `keys.example.com`, and neither
`example.com` nor `a.b.example.com`. Without a port it is the port of the scheme; without a scheme it is https.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_PATTERN = re.compile(rf"(?P<scheme>https?://)?(?P<host>(\*|{_LABEL})(\.(\*|{_LABEL}))*)(:(?P<port>\d{{1,5}}))?")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One pattern of the administrator."""

    scheme: str
    labels: tuple[str, ...]
    port: int

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        """Return the pattern; raises ValueError with a sentence."""
        found = _PATTERN.fullmatch(text.strip().lower())
        if found is None:
            raise ValueError(
                f"{text!r} is no host such as keys.example.com, *.example.com or http://edge.internal:8080"
            )
        scheme = (found["scheme"] or "https://").removesuffix("://")
        port = int(found["port"] or _PORTS[scheme])
        if not 0 < port < 65536:
            raise ValueError(f"{text!r} has no port from 1 to 65535")
        return cls(scheme, tuple(found["host"].split(".")), port)

    def matches(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether a URL with these parts is allowed."""
        labels = host.split(".")
        same = len(labels) == len(self.labels) and all(
            wanted == label or (wanted == "*" and re.fullmatch(_LABEL, label))
            for wanted, label in zip(self.labels, labels, strict=True)
        )
        return same and (scheme, port) == (self.scheme, self.port)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """All patterns of the administrator; without any, no URL is asked."""

    patterns: tuple[HostPattern, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "AllowedHosts":
        """Return the patterns; raises ValueError with a sentence."""
        return cls(tuple(map(HostPattern.parse, texts)))

    def find_refusal(self, url: str) -> str | None:
        """Return why a URL is not asked, as the end of a sentence about it; None if it is allowed."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            return "is no http or https URL"
        if parts.username is not None or parts.password is not None or parts.fragment:
            return "names a user or a fragment"
        if any(pattern.matches(scheme, host, port) for pattern in self.patterns):
            return None
        return "has a host, scheme or port that the administrator of the operator does not allow"


NO_HOSTS = AllowedHosts()
