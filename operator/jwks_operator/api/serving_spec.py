"""How the set is served over HTTP: the operator writes it for `jwks-operator serve` into `zz-serve.json`."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from jwks_operator.api.admission_rules import Model, Pattern, Rule, rule_error
from jwks_operator.keys.algorithms import PRIVATE_MEMBERS
from jwks_operator.keys.members import canonical_json

JWKS_PATH = "/.well-known/jwks.json"
OPENID_PATH = "/.well-known/openid-configuration"
SERVED_PATHS = (JWKS_PATH, "/keys", OPENID_PATH, "/historical.jwt")
"""Where the server answers for every set."""
MEDIA_TYPES = ("application/jwk-set+json", "application/json")
DISCOVERY_MEMBERS = 64
DISCOVERY_MAX = 8192
"""Most bytes of additional discovery members, as JSON."""
_OF_KEYS = frozenset({"kty", *(name for names in PRIVATE_MEMBERS.values() for name in names)})

Issuer = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    Pattern(
        "(https://[A-Za-z0-9.-]+|http://(localhost|127[.]0[.]0[.]1))(:[0-9]{1,5})?(/[-A-Za-z0-9._~%!$&()*+,;=:@/]*)?",
        "must be an https URL without query and fragment; http is only for localhost and 127.0.0.1",
    ),
]
Path = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    Pattern(
        "/[-A-Za-z0-9._~!$&()*+,;=:@/]*",
        "must be a URL path: a slash, then letters, digits and -._~!$&()*+,;=:@/",
    ),
]
_Origin = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    Pattern(
        "[*]|[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]+(:[0-9]{1,5})?",
        "must be * or an origin such as https://app.example.com, without a path",
    ),
]


def no_dots_cel(path: str) -> str:
    """Return CEL of whether a path holds none of the segments . and .. (RFC 3986 section 3.3)."""
    return f"!{path}.split('/').exists(s, s == '.' || s == '..')"


def has_no_dots(path: str) -> bool:
    """Tell whether a path holds none of the segments . and .. (RFC 3986 section 3.3)."""
    return not {".", ".."} & {*path.split("/")}


class Paths(Model):
    """URL paths of the published documents."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="jwks",
            cel=f"!has(self.jwks) || self.jwks.all(p, {no_dots_cel('p')})",
            holds=lambda paths: all(map(has_no_dots, paths.jwks or ())),
            message="paths must not hold the segments . and ..",
        ),
    )

    jwks: Annotated[tuple[Path, ...], Field(max_length=8)] | None = None
    """Paths at which the JWK Set is served beside /.well-known/jwks.json and /keys, each starting with a slash. The
    first one, below the issuer, is jwks_uri in the discovery document."""


class Cors(Model):
    """Cross-origin access to the served documents."""

    allow_origins: Annotated[tuple[_Origin, ...], Field(max_length=32)] | None = None
    """Origins that may read from a browser, for example https://app.example.com. Default: every one (*), because
    everything that is served is public; an empty list allows none."""


def _says_no_key(members: dict[str, Any]) -> dict[str, Any]:
    if len(canonical_json(members)) > DISCOVERY_MAX:
        raise rule_error(f"must be at most {DISCOVERY_MAX} bytes of JSON")
    inside: list[object] = [members]
    while inside:
        value = inside.pop()
        if isinstance(value, dict):
            if value.keys() & _OF_KEYS:
                raise rule_error("must not hold members of a key; keys are published in the set alone")
            inside += value.values()
        elif isinstance(value, list):
            inside += value
    return members


Discovery = Annotated[
    dict[str, Any],
    Field(max_length=DISCOVERY_MEMBERS),
    AfterValidator(_says_no_key),
    WithJsonSchema(
        {"type": "object", "maxProperties": DISCOVERY_MEMBERS, "x-kubernetes-preserve-unknown-fields": True}
    ),
]
"""More members of the discovery document, with any JSON value."""
