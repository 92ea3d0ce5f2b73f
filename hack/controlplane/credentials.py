"""Who may speak to the control plane: tokens, the service-account key pair and kubeconfigs.

The key pair is made with `cryptography`, which the operator needs anyway, rather than with an openssl binary.
"""

import json
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

MANAGER = "system:kube-controller-manager"


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    data = content.encode() if isinstance(content, str) else content
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def write_tokens(path: Path) -> dict[str, str]:
    """Write the API server's static token file; return tokens by user: admin and MANAGER."""
    groups = {"admin": "system:masters", MANAGER: ""}
    tokens = {user: secrets.token_hex(16) for user in groups}
    write_private(path, "".join(f'{tokens[user]},{user},{user},"{groups[user]}"\n' for user in groups))
    return tokens


def write_key_pair(private: Path, public: Path) -> None:
    """Make the RSA key pair that signs and verifies service-account tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_private(private, key.private_bytes(pem, pkcs8, plain))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))


def write_kubeconfig(path: Path, url: str, ca_file: Path, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig (JSON is YAML) that holds one cluster, one user and one context."""
    name = "control-plane"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": str(ca_file)}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }
    write_private(path, json.dumps(config, indent=2) + "\n")
    return path
