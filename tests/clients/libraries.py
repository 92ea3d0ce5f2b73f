"""What services do with keys, in the libraries that services use: Python's here, those of Node.js behind a pipe.

A library is given what it would have in a cluster: the text of a mounted private key, and the text of the published
set. Whatever it does not know it refuses with one of `REFUSALS`.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias

import joserfc.errors
import joserfc.jwe
import joserfc.jwk
import joserfc.jws
import jwcrypto.common
import jwcrypto.jwe
import jwcrypto.jwk
import jwcrypto.jws
import jwt

from clients.node_verifier import NODE, modules

Form: TypeAlias = Literal["JWK", "JWKSet", "PEM"]
FORMS: tuple[Form, ...] = ("JWK", "JWKSet", "PEM")
CONTENT = "A256GCM"
"""The content encryption wherever the key does not name it itself."""


class NodeRefusal(Exception):
    """A library of Node.js raised."""


REFUSALS: tuple[type[Exception], ...] = (
    NodeRefusal,
    NotImplementedError,
    ValueError,
    TypeError,
    KeyError,
    jwt.PyJWTError,
    jwcrypto.common.JWException,
    joserfc.errors.JoseError,
)


@dataclass(frozen=True)
class Mounted:
    """A private key as a service has it: the file's text and form, its kid and the algorithm to use it with."""

    text: str
    form: Form
    kid: str
    alg: str

    @property
    def header(self) -> dict[str, str]:
        """The JOSE header of what is made with the key; a content key is used directly (RFC 7518 section 4.5)."""
        if self.alg.startswith("A") and not self.alg.endswith("KW"):
            return {"alg": "dir", "enc": self.alg, "kid": self.kid}
        return {"alg": self.alg, "enc": CONTENT, "kid": self.kid}


class Library(Protocol):
    """Signs and decrypts with a mounted key; verifies and encrypts with the published set or, without, that key."""

    name: str

    def sign(self, key: Mounted, payload: str) -> str: ...

    def verify(self, key: Mounted, published: str | None, token: str) -> str: ...

    def encrypt(self, key: Mounted, published: str | None, payload: str) -> str: ...

    def decrypt(self, key: Mounted, token: str) -> str: ...

    def private_jwk(self, key: Mounted) -> str:
        """Read the mounted key and write it as a private JWK."""
        ...

    def public_jwk(self, key: Mounted, published: str) -> str:
        """Read the key of that kid out of the published set and write it as a public JWK."""
        ...


class PyJwt:
    name = "PyJWT"

    def _key(self, key: Mounted) -> Any:
        if key.form == "PEM":
            return key.text
        return (jwt.PyJWK.from_json(key.text) if key.form == "JWK" else jwt.PyJWKSet.from_json(key.text)[key.kid]).key

    def sign(self, key: Mounted, payload: str) -> str:
        return jwt.PyJWS().encode(payload.encode(), self._key(key), algorithm=key.alg, headers={"kid": key.kid})

    def verify(self, key: Mounted, published: str | None, token: str) -> str:
        public = jwt.PyJWKSet.from_json(published)[key.kid].key if published else self._key(key)
        return str(jwt.PyJWS().decode(token, public, algorithms=[key.alg]).decode())

    def encrypt(self, key: Mounted, published: str | None, payload: str) -> str:
        raise NotImplementedError("PyJWT does not encrypt")

    def decrypt(self, key: Mounted, token: str) -> str:
        raise NotImplementedError("PyJWT does not decrypt")

    def private_jwk(self, key: Mounted) -> str:
        algorithm: Any = jwt.get_algorithm_by_name(key.alg)
        return str(algorithm.to_jwk(algorithm.prepare_key(self._key(key))))

    def public_jwk(self, key: Mounted, published: str) -> str:
        algorithm: Any = jwt.get_algorithm_by_name(key.alg)
        return str(algorithm.to_jwk(jwt.PyJWKSet.from_json(published)[key.kid].key))


class JwCrypto:
    name = "jwcrypto"

    def _key(self, key: Mounted) -> jwcrypto.jwk.JWK:
        match key.form:
            case "JWK":
                return jwcrypto.jwk.JWK.from_json(key.text)
            case "JWKSet":
                return self._pick(key, key.text)
            case "PEM":
                return jwcrypto.jwk.JWK.from_pem(key.text.encode())

    def _pick(self, key: Mounted, keys: str) -> jwcrypto.jwk.JWK:
        found = jwcrypto.jwk.JWKSet.from_json(keys).get_key(key.kid)
        assert isinstance(found, jwcrypto.jwk.JWK)
        return found

    def _other(self, key: Mounted, published: str | None) -> jwcrypto.jwk.JWK:
        return self._pick(key, published) if published else self._key(key)

    def sign(self, key: Mounted, payload: str) -> str:
        token = jwcrypto.jws.JWS(payload)
        token.allowed_algs = [key.alg]
        token.add_signature(self._key(key), None, json.dumps({"alg": key.alg, "kid": key.kid}))
        return str(token.serialize(compact=True))

    def verify(self, key: Mounted, published: str | None, token: str) -> str:
        read = jwcrypto.jws.JWS()
        read.allowed_algs = [key.alg]
        read.deserialize(token, self._other(key, published))
        return str(read.payload.decode())

    def encrypt(self, key: Mounted, published: str | None, payload: str) -> str:
        token = jwcrypto.jwe.JWE(payload.encode(), json.dumps(key.header))
        token.add_recipient(self._other(key, published))
        return str(token.serialize(compact=True))

    def decrypt(self, key: Mounted, token: str) -> str:
        read = jwcrypto.jwe.JWE()
        read.deserialize(token, self._key(key))
        return str(read.payload.decode())

    def private_jwk(self, key: Mounted) -> str:
        return str(self._key(key).export())

    def public_jwk(self, key: Mounted, published: str) -> str:
        return str(self._pick(key, published).export_public())


class JoseRfc:
    name = "joserfc"

    def _key(self, key: Mounted) -> Any:
        if key.form == "JWK":
            return joserfc.jwk.import_key(json.loads(key.text))
        if key.form == "JWKSet":
            return self._pick(key, key.text)
        kinds: list[Any] = [joserfc.jwk.RSAKey, joserfc.jwk.ECKey, joserfc.jwk.OKPKey]
        for kind in kinds:
            try:
                return kind.import_key(key.text)
            except REFUSALS:
                continue
        raise NotImplementedError("joserfc reads no such PEM file")

    def _other(self, key: Mounted, published: str | None) -> Any:
        return self._pick(key, published) if published else self._key(key)

    def _pick(self, key: Mounted, keys: str) -> Any:
        return joserfc.jwk.KeySet.import_key_set(json.loads(keys)).get_by_kid(key.kid)

    def sign(self, key: Mounted, payload: str) -> str:
        header = {"alg": key.alg, "kid": key.kid}
        return joserfc.jws.serialize_compact(header, payload, self._key(key), algorithms=[key.alg])

    def verify(self, key: Mounted, published: str | None, token: str) -> str:
        other = self._other(key, published)
        return joserfc.jws.deserialize_compact(token, other, algorithms=[key.alg]).payload.decode()

    def encrypt(self, key: Mounted, published: str | None, payload: str) -> str:
        header = key.header
        other = self._other(key, published)
        return joserfc.jwe.encrypt_compact(header, payload, other, algorithms=[header["alg"], header["enc"]])

    def decrypt(self, key: Mounted, token: str) -> str:
        algorithms = [key.header["alg"], key.header["enc"]]
        text = joserfc.jwe.decrypt_compact(token, self._key(key), algorithms=algorithms).plaintext
        assert text is not None
        return text.decode()

    def private_jwk(self, key: Mounted) -> str:
        return json.dumps(self._key(key).as_dict(private=True))

    def public_jwk(self, key: Mounted, published: str) -> str:
        return json.dumps(self._pick(key, published).as_dict(private=False))


class NodeLibraries:
    """One Node.js process with several libraries, as a context manager; not for several threads at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [NODE, "--no-warnings", Path(__file__).parent / "node" / "libraries.mjs", modules()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, str | None]) -> str:
        """Send one request and return its result; raises NodeRefusal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"Node.js ended with code {self._process.wait()}")
        answer = json.loads(line)
        if not answer["ok"]:
            raise NodeRefusal(answer["error"])
        return str(answer["result"])

    def close(self) -> None:
        """End the process; it has nothing to save."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class NodeLibrary:
    """One of the libraries in a Node.js process."""

    def __init__(self, name: str, node: NodeLibraries) -> None:
        self.name, self.node = name, node

    def _ask(self, operation: str, key: Mounted, published: str | None = None, **more: str) -> str:
        keys = {"jwks": published} if published else {"key": key.text, "form": key.form}
        library = self.name.partition(" ")[0]
        return self.node.ask({"library": library, "operation": operation, **key.header, **keys, **more})

    def sign(self, key: Mounted, payload: str) -> str:
        return self._ask("sign", key, payload=payload)

    def verify(self, key: Mounted, published: str | None, token: str) -> str:
        return self._ask("verify", key, published, token=token)

    def encrypt(self, key: Mounted, published: str | None, payload: str) -> str:
        return self._ask("encrypt", key, published, payload=payload)

    def decrypt(self, key: Mounted, token: str) -> str:
        return self._ask("decrypt", key, token=token)

    def private_jwk(self, key: Mounted) -> str:
        return self._ask("privateJwk", key)

    def public_jwk(self, key: Mounted, published: str) -> str:
        return self._ask("publicJwk", key, published)


PYTHON_LIBRARIES = ("PyJWT", "jwcrypto", "joserfc")
NODE_LIBRARIES = ("jose", "node-jose", "jsonwebtoken + jwks-rsa")
LIBRARY_NAMES = (*PYTHON_LIBRARIES, *NODE_LIBRARIES)


def libraries(node: NodeLibraries) -> dict[str, Library]:
    """Return every library by name."""
    found: list[Library] = [PyJwt(), JwCrypto(), JoseRfc(), *(NodeLibrary(name, node) for name in NODE_LIBRARIES)]
    return {library.name: library for library in found}
