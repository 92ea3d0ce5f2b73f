"""What the operator leaves in a namespace for a key of each shape: the files of its Secret and the published set."""

import asyncio
import json
from base64 import b64decode
from dataclasses import dataclass
from functools import cache
from typing import Any

from clients.libraries import Form, Mounted
from clients.limits import Shape
from jwks_operator.keys.algorithms import KeyClass
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from keys.samples import is_misread_by_node_jose
from reconcile import authority
from reconcile.life import REF, Life

_SUFFIX: dict[Form, str] = {"JWK": "jwk", "JWKSet": "jwks", "PEM": "pem"}


@dataclass(frozen=True)
class Namespace:
    """The files of entry `it` by their suffix, and the text of the published set, which holds another key too."""

    files: dict[str, str]
    published: str

    def mounted(self, form: Form) -> Mounted:
        """Return what a service has that mounts the Secret: no parsing, kid and alg are files of their own."""
        return Mounted(self.files[_SUFFIX[form]], form, self.files["kid"], self.files["alg"])

    def jwks(self, shape: Shape) -> str | None:
        """Return the published set; nothing for a symmetric key, for which both sides mount the Secret."""
        return None if shape.row.key_class is KeyClass.SYMMETRIC else self.published

    @property
    def key(self) -> dict[str, Any]:
        """The published JWK of the key in use; empty if it is symmetric."""
        return next((key for key in json.loads(self.published)["keys"] if key["kid"] == self.files["kid"]), {})


@cache
def namespace_of(shape: Shape) -> Namespace:
    """Return what the operator makes of a set with an entry of that shape, in every format, with a certificate."""
    while is_misread_by_node_jose((found := asyncio.run(_operated(shape))).key):
        pass
    return found


async def _operated(shape: Shape) -> Namespace:
    entry: dict[str, Any] = {"name": "it", "algorithm": shape.algorithm}
    formats = ["JWK", "JWKSet", "PEM"]
    if len(shape.row.curves) > 1:
        entry["crv"] = shape.crv
    if shape.row.modulus_lengths:
        entry["modulusLength"] = 2048
    if shape.row.key_class is not KeyClass.SYMMETRIC:
        entry["certificate"] = {"caSecretRef": {"name": authority.NAME}}
        formats.append("TLS")
    other = {"name": "other", "algorithm": "ES256", "certificate": {"selfSigned": {}}}
    life = Life()
    await life.begin(
        {
            "keys": [other, entry],
            "secret": {"formats": formats},
            "publish": {"eddsaName": shape.eddsa_name},
        }
    )
    await life.people.create(SECRETS, REF.namespace, authority.secret())
    await life.pass_()
    data = (await life.read(SECRETS, REF.name))["data"]
    await life.keys.close()
    return Namespace(
        {name.removeprefix("it."): b64decode(text).decode() for name, text in data.items() if name.startswith("it.")},
        (await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"],
    )
