"""Documents beside the whole set: subsets for readers that refuse what they do not know, and PEM files."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from jwks_operator.api.admission_rules import Model, Rule, cel_list
from jwks_operator.api.fields import UNIQUE, DataKey, EntryName
from jwks_operator.api.names import OPENID_KEY
from jwks_operator.api.serving_spec import SERVED_PATHS, Path, has_no_dots, no_dots_cel

MOST_DOCUMENTS = 8


class DocumentFormat(StrEnum):
    """How a document is written."""

    JWK_SET = "JWKSet"
    PEM = "PEM"


class Document(Model):
    """A subset of the published keys, under names of its own."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="paths",
            cel=f"!has(self.paths) || self.paths.all(p, {no_dots_cel('p')})",
            holds=lambda document: all(map(has_no_dots, document.paths)),
            message="paths must not hold the segments . and ..",
        ),
        Rule(
            field="paths",
            cel=f"!has(self.paths) || !self.paths.exists(p, p in {cel_list(SERVED_PATHS)})",
            holds=lambda document: not {*document.paths} & {*SERVED_PATHS},
            message=f"paths must not be one of {', '.join(SERVED_PATHS)}, which belong to the whole set; choose others",
        ),
    )

    name: EntryName
    """Name of the document, a DNS label, unique in the set. Its data key is <name>.json, or <name>.pem in the format
    PEM, and it is served at /<name>/.well-known/jwks.json or /<name>/keys.pem."""
    entries: Annotated[tuple[EntryName, ...], Field(min_length=1, max_length=10), *UNIQUE]
    """Entries of spec.keys whose published keys are in the document, the retired ones included. Remove an entry from
    here only after its last key has left the set: until then tokens of that entry need it. The keys of an
    added entry are in the document at once, so let readers fetch it before you send them tokens of that entry."""
    format: DocumentFormat = DocumentFormat.JWK_SET
    """How it is written: JWKSet (default, RFC 7517 section 5), or PEM: one public key (SubjectPublicKeyInfo, RFC 5280)
    after the other, the active ones first, each below a comment with its kid."""
    aliases: Annotated[tuple[DataKey, ...], Field(max_length=4), *UNIQUE] = ()
    """More data keys with the same content."""
    paths: Annotated[tuple[Path, ...], Field(max_length=4), *UNIQUE] = ()
    """More URL paths at which it is served, each starting with a slash. The first one, below the issuer, is jwks_uri in
    the discovery document of the document, which every JWK Set has if there is an issuer: data key
    <name>.openid-configuration, served at /<name>/.well-known/openid-configuration."""

    def data_keys(self) -> Iterator[str]:
        """Yield the data keys that belong to the document, whatever its format."""
        yield from (f"{self.name}.json", f"{self.name}.pem", f"{self.name}.{OPENID_KEY}", *self.aliases)
