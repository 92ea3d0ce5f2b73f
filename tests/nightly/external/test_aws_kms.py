"""AWS KMS holds the keys and signs, as docs/external-keys.md says: moto's KMS, boto3, and the two example programs."""

import json
import os
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from demo.mount import swap
from docs.pages import ROOT
from jwks_operator.kube.client import CONFIGMAPS, SECRETS
from publish.servers import free_port, process, python_of
from reconcile.life import REF, Life
from reconcile.sources import publish

SERVER = Path(__file__).with_name("serve_kms.py")
EXAMPLES = ROOT / "examples" / "external"
EVERY = timedelta(days=30)
SPEC: dict[str, Any] = {
    "keys": [
        {
            "name": "signing",
            "algorithm": "ES256",
            "external": {"configMapRef": {"name": "old", "key": "jwks.json"}},
            "rotation": {"every": "720h"},
        }
    ]
}
MAKE = """
import sys, boto3
kms = boto3.client("kms")
made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
kms.create_alias(AliasName=sys.argv[1], TargetKeyId=made["KeyMetadata"]["KeyId"])
"""


class Kms:
    """KMS on loopback, and programs that use it."""

    def __init__(self, python: str, url: str) -> None:
        self._python = python
        # No credentials: moto asks for some and looks at none.
        self._environ = {
            "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        }  # fmt: skip

    def run(self, *arguments: str, **environ: str) -> str:
        """Run a program in the environment of boto3 and return what it prints."""
        env = {"PATH": os.environ["PATH"], **self._environ, **environ}
        done = subprocess.run(
            [self._python, *arguments], env=env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make(self, alias: str) -> None:
        """Make a key under an alias."""
        self.run("-c", MAKE, alias)

    def listed(self) -> str:
        """Return the source as the example prints it."""
        return self.run(str(EXAMPLES / "aws_kms_keys.py"), "alias/auth-")


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kms]:
    python, port = python_of(SERVER), free_port()
    log = tmp_path_factory.mktemp("kms") / "kms.log"
    with process([python, str(SERVER), str(port)], port, {}, log):
        yield Kms(python, f"http://127.0.0.1:{port}")


async def sign(life: Life, kms: Kms, volume: Path) -> str:
    """Sign a token as an application that mounts the consumer Secret of this moment."""
    data = (await life.read(SECRETS, REF.name))["data"]
    swap(volume, {name: b64decode(text) for name, text in data.items()})
    return kms.run(str(EXAMPLES / "aws_kms_sign.py"), SIGNING_KEYS=str(volume)).strip()


async def verify(life: Life, token: str) -> str:
    """Verify a token by the published set and return its kid."""
    keys = json.loads((await life.read(CONFIGMAPS, REF.name))["data"]["jwks.json"])["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = (each for each in keys if each["kid"] == kid)
    jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], options={"verify_exp": False})
    return str(kid)


async def test_tokens_of_kms_verify_through_rotations_and_none_is_refused_in_its_life(kms: Kms, tmp_path: Path) -> None:
    life = Life()
    await life.begin(SPEC)
    kms.make("alias/auth-2026-03")
    await publish(life, kms.listed())
    await life.pass_()
    used = []
    for month in ("2026-04", "2026-05", "2026-06"):
        kms.make(f"alias/auth-{month}")
        text = kms.listed()
        await life.edit(CONFIGMAPS, "old", lambda seen, text=text: seen["data"].update({"jwks.json": text}))
        await life.live(EVERY - timedelta(hours=3))
        token = await sign(life, kms, tmp_path / "volume")
        used.append(await verify(life, token))
        await life.live(timedelta(hours=3, minutes=10))
        assert await verify(life, token) == used[-1], "its key is retired now, and still published"
    used.append(await verify(life, await sign(life, kms, tmp_path / "volume")))
    assert used == [f"auth-2026-0{month}" for month in (3, 4, 5, 6)]
    assert await life.condition("Degraded") == ("False", "AsExpected")
