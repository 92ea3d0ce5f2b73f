"""What the standards say of each algorithm, written down a second time: the table, and the keys made from it, agree."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jwks_operator.keys.algorithms import ALGORITHMS, RSA_MODULUS_LENGTHS
from jwks_operator.keys.formats import render, render_set
from jwks_operator.keys.generate import generate
from jwks_operator.keys.jwk import canonical_json, parse_private
from jwks_operator.keys.material import members_of
from jwks_operator.keys.secret_files import Form
from keys.samples import EC_VECTOR, SHAPES, VECTORS, fresh, octets_of

SIGN, DECRYPT, AGREE = "sign/verify", "decrypt+unwrapKey/encrypt+wrapKey", "/"
HMAC, CIPHER, WRAP = "sign+verify/", "encrypt+decrypt/", "encrypt+decrypt+wrapKey+unwrapKey/"
OPEN = "P-256 P-384 P-521 X25519 X448"
# algorithm: key type of the default curve, curves, use, operations of the private and of the public half
TABLE = {
    **{f"ES{bits}": ("EC", crv, "sig", SIGN) for bits, crv in ((256, "P-256"), (384, "P-384"), (512, "P-521"))},
    "ES256K": ("EC", "secp256k1", "sig", SIGN),
    **{name: ("OKP", name, "sig", SIGN) for name in ("Ed25519", "Ed448")},
    **{f"{kind}{bits}": ("RSA", "", "sig", SIGN) for kind in ("RS", "PS") for bits in (256, 384, 512)},
    **{f"ML-DSA-{size}": ("AKP", "", "sig", SIGN) for size in (44, 65, 87)},
    **{f"RSA-OAEP-{bits}": ("RSA", "", "enc", DECRYPT) for bits in (256, 384, 512)},
    **{f"ECDH-ES{wrap}": ("EC", OPEN, "enc", AGREE) for wrap in ("", "+A128KW", "+A192KW", "+A256KW")},
    **{f"HS{bits}": ("oct", "", "sig", HMAC) for bits in (256, 384, 512)},
    **{f"A{bits}KW": ("oct", "", "enc", WRAP) for bits in (128, 192, 256)},
    **{f"A{bits}GCMKW": ("oct", "", "enc", WRAP) for bits in (128, 192, 256)},
    **{f"A{bits}GCM": ("oct", "", "enc", CIPHER) for bits in (128, 192, 256)},
    **{f"A{bits}CBC-HS{bits * 2}": ("oct", "", "enc", CIPHER) for bits in (128, 192, 256)},
}
COORDINATE = {
    "P-256": 32,
    "P-384": 48,
    "P-521": 66,
    "secp256k1": 32,
    "Ed25519": 32,
    "Ed448": 57,
    "X25519": 32,
    "X448": 56,
}
LATTICE = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}
SECRET = {
    "HS256": 32, "HS384": 48, "HS512": 64, "A128KW": 16, "A192KW": 24, "A256KW": 32, "A128GCMKW": 16, "A192GCMKW": 24,
    "A256GCMKW": 32, "A128GCM": 16, "A192GCM": 24, "A256GCM": 32, "A128CBC-HS256": 32, "A192CBC-HS384": 48,
    "A256CBC-HS512": 64,
}  # fmt: skip


def test_the_table_says_what_the_standards_say() -> None:
    assert list(ALGORITHMS) == list(TABLE)
    for name, row in ALGORITHMS.items():
        operations = "/".join("+".join(part) for part in (row.private_ops, row.public_ops))
        assert (row.kty, " ".join(row.curves), row.use, operations) == TABLE[name], name


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_a_key_has_the_members_of_its_type_in_exact_octets(algorithm: str, crv: str | None) -> None:
    members: dict[str, Any] = fresh(algorithm, crv).private.reveal()
    assert (members["use"], members["alg"]) == (TABLE[algorithm][2], algorithm)
    assert "+".join(members.get("key_ops", [])) == TABLE[algorithm][3].split("/")[0]
    public: dict[str, Any] = fresh(algorithm, crv).public
    assert "+".join(public.get("key_ops", [])) == (TABLE[algorithm][3].split("/")[1] if public else "")
    sizes = {
        name: len(octets_of(text))
        for name, text in members.items()
        if name not in ("kty", "use", "key_ops", "alg", "kid", "crv")
    }
    assert sizes == _sizes(algorithm, crv, sizes)
    assert not [text for name, text in members.items() if name in sizes and ("=" in text or "+" in text or "/" in text)]


def _sizes(algorithm: str, crv: str | None, seen: dict[str, int]) -> dict[str, int]:
    if crv is not None:
        names = ("x", "d") if crv.startswith(("Ed", "X")) else ("x", "y", "d")
        return dict.fromkeys(names, COORDINATE[crv])
    if algorithm in LATTICE:
        return {"pub": LATTICE[algorithm], "priv": 32}
    if algorithm in SECRET:
        return {"k": SECRET[algorithm]}
    # RSA numbers but for the modulus and the primes are as long as they are (Base64urlUInt).
    shorter = {
        name: seen[name] for name, most in (("d", 256), ("dp", 128), ("dq", 128), ("qi", 128)) if seen[name] <= most
    }
    return {"n": 256, "e": 3, "p": 128, "q": 128, **shorter}


@pytest.mark.parametrize("bits", RSA_MODULUS_LENGTHS)
def test_rsa_keys_have_two_primes_of_half_the_size_and_the_exponent_65537(bits: int) -> None:
    members: dict[str, Any] = generate("PS256", bits).private.reveal()
    n, e, p, q = (int.from_bytes(octets_of(members[name]), "big") for name in ("n", "e", "p", "q"))
    assert (n.bit_length(), e, p * q) == (bits, 65537, n)
    assert p.bit_length() == q.bit_length() == bits // 2
    assert "oth" not in members


@pytest.mark.parametrize(
    ("algorithm", "curve"),
    [("ES256", ec.SECP256R1()), ("ES384", ec.SECP384R1()), ("ES512", ec.SECP521R1()), ("ES256K", ec.SECP256K1())],
)
@pytest.mark.parametrize("name", ["x", "y", "d"])
def test_no_curve_strips_a_leading_zero(algorithm: str, curve: ec.EllipticCurve, name: str) -> None:
    size = COORDINATE[ALGORITHMS[algorithm].curves[0]]
    keys: Any = (members_of(ec.derive_private_key(scalar, curve)) for scalar in range(1, 5000))
    members = next(found for found in keys if octets_of(found[name])[0] == 0)
    public, private = parse_private({**members, "alg": algorithm})
    assert [len(octets_of(str(private.reveal()[member]))) for member in ("x", "y", "d")] == [size] * 3
    if name != "d":
        assert public[name] == members[name]
    written = render(public, private, Form.PEM)
    assert members_of(load_pem_private_key(written, None)) == members, "PEM strips nothing either"


def test_the_bytes_of_a_file_are_these_and_no_others() -> None:
    """Whoever compares files, or their digests, sees a change only where there is one, in the next version too."""
    public, private = parse_private({**EC_VECTOR, "kid": "1"})
    x, y, d = EC_VECTOR["x"], EC_VECTOR["y"], EC_VECTOR["d"]
    head = '{"kty":"EC","use":"sig","key_ops":["%s"],"alg":"ES256","kid":"1","crv":"P-256",'
    file = f'{head % "sign"}"x":"{x}","y":"{y}","d":"{d}"}}'.encode()
    assert render(public, private, Form.JWK) == file
    assert render_set([(public, private)]) == b'{"keys":[' + file + b"]}"
    assert canonical_json(public) == f'{head % "verify"}"x":"{x}","y":"{y}"}}'.encode()


def test_a_pem_file_is_pkcs8_and_nothing_else() -> None:
    """RFC 8410 section 7: thirty-two octets of Ed25519 behind a fixed head; RFC 7468: lines of 64 characters."""
    vector = VECTORS["RFC 8037 A.1"]["key"]
    public, private = parse_private({**vector, "alg": "EdDSA"})
    der = bytes.fromhex("302e020100300506032b657004220420") + octets_of(vector["d"])
    body = base64.b64encode(der).decode()
    assert len(body) == 64
    assert (
        render(public, private, Form.PEM).decode()
        == f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    )


@pytest.mark.parametrize(("algorithm", "crv"), SHAPES)
def test_what_is_written_twice_is_written_alike(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    again = parse_private(json.loads(key.private.reveal_json()))
    for form in (Form.JWK, Form.PEM) if key.public else (Form.JWK,):
        assert render(*again, form) == render(key.public, key.private, form)
