"""Chains from elsewhere may come in any order; what is published has the order of RFC 7517 section 4.7."""

import ssl
import subprocess
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import SignatureAlgorithmOID

from jwks_operator.keys.certificates import Authority, Terms, ca_signed, load_chain, read_issued_chain, self_signed
from jwks_operator.keys.key_errors import CertificateError, InconsistentKeyError
from keys.authority import NOW, authority_of, ca
from keys.samples import fresh

TERMS = Terms("auth", ("auth.example.com",), NOW, timedelta(days=90), 4711)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_chain_from_elsewhere_may_come_in_any_order(order: tuple[int, ...]) -> None:
    key = fresh("ES256")
    leaf, root = ca_signed(key.public, ca(), TERMS), self_signed(fresh("RS256").public, fresh("RS256").private, TERMS)
    chain = [*blocks(leaf), *blocks(root)]
    assert len(chain) == 3
    mixed = b"".join([*chain, chain[0]][number] for number in order)
    found = read_issued_chain(key.public, mixed)[0]
    assert found[:2] == read_issued_chain(key.public, leaf)[0]
    assert set(found) == set(read_issued_chain(key.public, b"".join(chain))[0])


def test_the_certificate_of_a_ca_may_stand_behind_others_in_its_secret() -> None:
    certificate, private = authority_of(fresh("ES256", None, 1))
    above = self_signed(fresh("RS256").public, fresh("RS256").private, TERMS)
    authority = Authority.load(above + certificate, private)
    assert blocks(ca_signed(fresh("ES384").public, authority, TERMS))[1:] == [*blocks(certificate), *blocks(above)]


def test_a_ca_whose_key_is_for_pss_alone_signs_with_pss(tmp_path: Path) -> None:
    made = "openssl req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 -nodes"
    subprocess.run([*made.split(), "-keyout", "key", "-out", "crt", "-subj", "/CN=ca"], cwd=tmp_path, check=True)
    (tmp_path / "crt").chmod(0o600)
    authority = Authority.load((tmp_path / "crt").read_bytes(), (tmp_path / "key").read_bytes())
    start = authority.certificate.not_valid_before_utc
    leaf = load_chain(ca_signed(fresh("ES256").public, authority, replace(TERMS, not_before=start)))[0]
    leaf.verify_directly_issued_by(authority.certificate)
    assert leaf.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS
    assert isinstance(leaf.signature_hash_algorithm, SHA384)


def blocks(pem: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----\n"
    return [block + end for block in pem.split(end)[:-1]]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_key_of_the_ca_is_not_taken_for_the_key_of_the_certificate(reverse: bool) -> None:
    chain = blocks(ca_signed(fresh("ES256").public, ca(), TERMS))
    with pytest.raises(InconsistentKeyError, match="of another key"):
        read_issued_chain(fresh("ES256", None, 1).public, b"".join(reversed(chain) if reverse else chain))


def test_a_certificate_whose_issuer_is_no_name_is_refused_as_such() -> None:
    key = fresh("ES256")
    whole = load_pem_x509_certificate(ca_signed(key.public, ca(), TERMS))
    name = whole.issuer.public_bytes()
    spoilt = whole.public_bytes(Encoding.DER).replace(
        name, name.replace(b"\x0c\x06the CA", b"\x00\x06the CA")
    )  # no string type
    with pytest.raises(CertificateError):
        read_issued_chain(key.public, ssl.DER_cert_to_PEM_cert(spoilt).encode())
