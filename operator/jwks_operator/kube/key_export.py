"""Key export and import for a user who moves an issuer: a source Secret, and a file that only the user may read."""

import os
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from jwks_operator.api.names import JWKS_KEY, LABEL_ALLOW_SET, SetRef
from jwks_operator.keys.formats import render
from jwks_operator.keys.issuer_import import Brought
from jwks_operator.keys.members import canonical_json
from jwks_operator.keys.secret_files import Form
from jwks_operator.kube.client import CONFIGMAPS, SECRETS, Client, Object
from jwks_operator.kube.consumer_secret_data import keys_in_use

PRIVATE_KEY = "key.jwk"
"""Data key of the private key in a source Secret."""


async def create_import_sources(client: Client, ref: SetRef, name: str, brought: tuple[Brought, ...]) -> None:
    """Create the sources that a set imports from: a Secret with the key in use, a ConfigMap with all public keys.

    Both consent to that set alone. AlreadyExists if an object of that name is there.
    """
    labels = {LABEL_ALLOW_SET: ref.name}
    metadata = {"name": name, "namespace": ref.namespace, "labels": labels}
    public = canonical_json({"keys": [each.key.public for each in brought]}).decode()
    private = b64encode(brought[0].key.private.reveal_json()).decode()
    await client.create(CONFIGMAPS, ref.namespace, {"metadata": metadata, "data": {JWKS_KEY: public}})
    await client.create(
        SECRETS, ref.namespace, {"metadata": metadata, "type": "Opaque", "data": {PRIVATE_KEY: private}}
    )


def save_private_keys(secret: Object, entries: Iterable[str], path: Path, form: str) -> tuple[str, ...]:
    """Write the private keys in use of entries into a new file that only its owner may read; return their kids.

    `form` is jwks (a private JWK Set) or pem. OSError if the file is there or cannot be written; KeyError for an
    entry without a usable key.
    """
    chosen = {each.entry: each for each in keys_in_use(secret) if each.private is not None}
    keys = [chosen[entry] for entry in entries]
    halves = [each.private for each in keys if each.private is not None]
    if form == "pem":
        content = b"".join(render(each.public, each.private, Form.PEM) for each in keys if each.private is not None)
    else:
        content = b'{"keys":[' + b",".join(half.reveal_json() for half in halves) + b"]}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return tuple(each.kid for each in keys)
