"""Public URLs at which a key has to be seen before it is used: `spec.publish.seenAt`."""

from typing import Annotated

from pydantic import StringConstraints

from jwks_operator.api.admission_rules import Model, Pattern
from jwks_operator.api.fields import EntryName

MOST_URLS = 8

SeenUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Pattern(
        "https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?/[-A-Za-z0-9._~%!$&()*+,;=:@/]*",
        "must be a URL such as https://keys.example.com/.well-known/jwks.json: no user, no query, no fragment",
    ),
]


class SeenAt(Model):
    """A public URL at which verifiers read the set, or one document of it."""

    url: SeenUrl
    """Where verifiers read it: behind a CDN, an ingress or in a bucket. https, unless the administrator of the operator
    allows http for its host. Redirects are not followed."""
    document: EntryName | None = None
    """The document of spec.publish.documents that is served there, in the format JWKSet: then only keys of its entries
    wait for this URL. Default: the whole set."""
