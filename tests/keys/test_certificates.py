import base64
import hashlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from jwks_operator.keys.algorithms import ALGORITHMS, KeyClass, Method
from jwks_operator.keys.certificates import (
    Authority,
    Terms,
    ca_signed,
    certificate_members,
    check_certificate_key,
    load_chain,
    read_issued_chain,
    self_signed,
)
from jwks_operator.keys.formats import render
from jwks_operator.keys.key_errors import CertificateError, InconsistentKeyError, JwkError, NoSuchFormError
from jwks_operator.keys.members import canonical_json, encode_octets
from jwks_operator.keys.secret_files import Form
from keys.authority import NOW, YEAR, authority_of, ca
from keys.samples import PAIR_NAMES, SECRET_NAMES, SHAPES, fresh, private_windows

TERMS = Terms("auth", ("auth.example.com", "192.0.2.7", "https://auth.example.com/"), NOW, timedelta(days=90), 4711)
PAIRS = [shape for shape in SHAPES if shape[0] in PAIR_NAMES]
CANNOT_SIGN = ("X25519", "X448")
SELF_SIGNED = [shape for shape in PAIRS if shape[1] not in CANNOT_SIGN]
RANDOMISED = (Method.RSA_PSS, Method.ML_DSA)


@pytest.mark.parametrize(("algorithm", "crv"), SELF_SIGNED)
def test_a_key_signs_its_own_certificate(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    chain = self_signed(key.public, key.private, TERMS)
    (certificate,) = load_chain(chain)
    certificate.verify_directly_issued_by(certificate)
    check_certificate_key(key.public, chain)
    again = self_signed(key.public, key.private, TERMS)
    assert load_chain(again)[0].tbs_certificate_bytes == certificate.tbs_certificate_bytes
    assert (again == chain) == (ALGORITHMS[algorithm].method not in RANDOMISED)


@pytest.mark.parametrize(("algorithm", "crv"), PAIRS)
def test_a_ca_signs_the_certificate_of_every_key(algorithm: str, crv: str | None) -> None:
    key = fresh(algorithm, crv)
    authority = ca()
    chain = ca_signed(key.public, authority, TERMS)
    leaf, issuer = load_chain(chain)
    leaf.verify_directly_issued_by(issuer)
    check_certificate_key(key.public, chain)
    assert ca_signed(key.public, authority, TERMS) == chain


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "RS256", "Ed25519", "Ed448", "ML-DSA-65"])
def test_cas_of_all_kinds_of_keys_sign(algorithm: str) -> None:
    leaf, issuer = load_chain(ca_signed(fresh("ES256").public, ca(algorithm), TERMS))
    leaf.verify_directly_issued_by(issuer)


@pytest.mark.parametrize(("algorithm", "crv"), [shape for shape in PAIRS if shape[1] in CANNOT_SIGN])
def test_a_key_that_cannot_sign_needs_a_ca(algorithm: str, crv: str) -> None:
    key = fresh(algorithm, crv)
    with pytest.raises(NoSuchFormError, match="use a CA"):
        self_signed(key.public, key.private, TERMS)


@pytest.mark.parametrize("algorithm", SECRET_NAMES)
def test_a_symmetric_key_has_no_certificate(algorithm: str) -> None:
    key = fresh(algorithm)
    with pytest.raises(NoSuchFormError, match="no certificate"):
        self_signed(key.public, key.private, TERMS)
    with pytest.raises(NoSuchFormError, match="no certificate"):
        ca_signed(key.public, ca(), TERMS)


def test_a_certificate_says_what_was_asked_for() -> None:
    key = fresh("ES256")
    leaf = load_chain(ca_signed(key.public, ca(), TERMS))[0]
    assert leaf.subject.rfc4514_string() == "CN=auth"
    assert leaf.issuer.rfc4514_string() == "CN=the CA"
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (NOW, NOW + TERMS.duration)
    assert leaf.serial_number == 4711
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == list(TERMS.names)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(
    ("algorithm", "usages"),
    [
        ("ES256", ["digital_signature"]),
        ("RS256", ["digital_signature"]),
        ("RSA-OAEP-256", ["key_encipherment"]),
        ("ECDH-ES", ["key_agreement"]),
    ],
)
def test_a_certificate_allows_what_the_key_is_for(algorithm: str, usages: list[str]) -> None:
    leaf = load_chain(self_signed(fresh(algorithm).public, fresh(algorithm).private, TERMS))[0]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    possible = ("digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "data_encipherment")
    assert [name for name in possible if getattr(usage, name)] == usages


@pytest.mark.parametrize("identified", [b"", b"the CA's own"])
def test_a_certificate_names_the_key_of_its_ca_as_the_ca_does(identified: bytes) -> None:
    leaf, issuer = load_chain(ca_signed(fresh("ES256").public, ca(identified=identified), TERMS))
    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    public: Any = issuer.public_key()
    assert named == (identified or x509.SubjectKeyIdentifier.from_public_key(public).digest)


def test_a_certificate_with_a_key_of_an_unknown_type_belongs_to_nothing() -> None:
    key = fresh("ES256")
    der = load_chain(self_signed(key.public, key.private, TERMS))[0].public_bytes(Encoding.DER)
    of_ec_key = bytes.fromhex("06072a8648ce3d0201")
    assert der.count(of_ec_key) == 1
    strange = x509.load_der_x509_certificate(der.replace(of_ec_key, of_ec_key[:-1] + b"\x7f"))
    with pytest.raises(CertificateError, match="unknown type"):
        check_certificate_key(key.public, strange.public_bytes(Encoding.PEM))


def test_a_certificate_needs_no_alternative_names() -> None:
    leaf = load_chain(self_signed(fresh("ES256").public, fresh("ES256").private, replace(TERMS, names=())))[0]
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_a_certificate_ends_no_later_than_that_of_its_ca() -> None:
    end = NOW + timedelta(days=9)
    leaf = load_chain(ca_signed(fresh("ES256").public, ca(end=end), TERMS))[0]
    assert leaf.not_valid_after_utc == end


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": NOW}, "not valid at that time"),
        ({"begin": NOW + timedelta(seconds=1)}, "not valid at that time"),
        ({"ca": False}, "not that of a CA"),
        ({"usage": False}, "must not sign certificates"),
    ],
)
def test_a_ca_that_must_not_sign_does_not(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        ca_signed(fresh("ES256").public, ca(**change), TERMS)


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 0},
        {"serial": -1},
        {"serial": 1 << 160},
        {"common_name": ""},
        {"common_name": "n" * 65},
        {"names": ("müller.example",)},
        {"names": ("https://müller.example",)},
        {"duration": timedelta(seconds=-1)},
        {"not_before": datetime(1900, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_terms_that_no_certificate_can_say_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CertificateError) as caught:
        self_signed(fresh("ES256").public, fresh("ES256").private, replace(TERMS, **change))
    assert caught.value.__context__ is None


def encrypted(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def unencrypted(key: x25519.X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_ca_files_that_do_not_fit_or_cannot_be_read_are_refused() -> None:
    chain, key = authority_of(fresh("ES256", None, 1))
    other = authority_of(fresh("ES256", None, 2))[1]
    for files, message in [
        ((b"", key), "not a PEM file of certificates"),
        ((b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key), "not a PEM file"),
        ((chain, b""), "no unencrypted private key"),
        ((chain, other), "not the key of the CA certificate"),
        ((chain, encrypted(ec.generate_private_key(ec.SECP256R1()))), "no unencrypted private key"),
        ((chain, unencrypted(x25519.X25519PrivateKey.generate())), "that can sign"),
    ]:
        with pytest.raises(CertificateError, match=message) as caught:
            Authority.load(*files)
        assert caught.value.__context__ is None


def damaged(pem: bytes, found: str, put: str) -> bytes:
    """The certificate with octets, given as hexadecimal, put in place of others."""
    der, octets = load_chain(pem)[0].public_bytes(Encoding.DER), bytes.fromhex(found)
    assert octets in der
    changed = base64.encodebytes(der.replace(octets, bytes.fromhex(put)))
    return b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % changed


@pytest.mark.parametrize(
    ("found", "put"),
    [
        ("03420004", "03420009"),  # a public key that is no point
        ("0c06746865204341", "cf06746865204341"),  # a name of no type
        ("a003020102", "a003020109"),  # version 10
        ("0603551d0f", "0603551d13"),  # basicConstraints twice
    ],
)
def test_a_ca_certificate_that_is_broken_inside_is_refused(found: str, put: str) -> None:
    chain, key = authority_of(fresh("ES256", None, 1))
    broken = damaged(chain, found, put)
    with pytest.raises(CertificateError) as caught:
        Authority.load(broken, key)
    assert caught.value.__context__ is None
    with pytest.raises(JwkError):
        read_issued_chain(fresh("ES256").public, broken)


def test_a_serial_number_that_is_not_positive_is_refused_before_the_library_does() -> None:
    key = fresh("ES256")
    numbered = self_signed(key.public, key.private, replace(TERMS, serial=0x7B))
    with pytest.raises(CertificateError, match="RFC 5280"):
        check_certificate_key(key.public, damaged(numbered, "02017b", "020100"))


def test_a_chain_from_elsewhere_is_taken_as_it_is_with_the_times_of_its_first_certificate() -> None:
    key = fresh("ES256")
    chain = ca_signed(key.public, ca(), TERMS)
    x5c, begin, end = read_issued_chain(key.public, chain)
    assert list(x5c) == certificate_members(key.public, chain)["x5c"]
    assert (begin, end) == (NOW, NOW + TERMS.duration)
    with pytest.raises(InconsistentKeyError, match="of another key"):
        read_issued_chain(fresh("ES256", None, 1).public, chain)
    with pytest.raises(CertificateError, match="more than 36 KiB"):
        read_issued_chain(key.public, chain + b"".join(_large(serial) for serial in range(1, 7)))


def _large(serial: int) -> bytes:
    key = fresh("ML-DSA-87")
    return self_signed(key.public, key.private, replace(TERMS, serial=serial))


@pytest.mark.parametrize("algorithm", PAIR_NAMES)
def test_a_certificate_of_another_key_does_not_belong(algorithm: str) -> None:
    key, other = fresh(algorithm), fresh(algorithm, None, 1)
    chain = ca_signed(other.public, ca(), TERMS)
    for check in (check_certificate_key, certificate_members):
        with pytest.raises(InconsistentKeyError, match="of another key"):
            check(key.public, chain)


def test_the_published_key_tells_its_chain() -> None:
    key = fresh("ES256")
    chain = ca_signed(key.public, ca(), TERMS)
    members: Any = certificate_members(key.public, chain)
    ders = [certificate.public_bytes(Encoding.DER) for certificate in load_chain(chain)]
    assert [base64.b64decode(text) for text in members["x5c"]] == ders
    assert members["x5t#S256"] == encode_octets(hashlib.sha256(ders[0]).digest())
    assert list(members) == ["x5c", "x5t#S256"]
    written = canonical_json({**members, **key.public})
    assert written.index(b'"y"') < written.index(b'"x5c"') < written.index(b'"x5t#S256"')


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "RS256", "PS256", "Ed25519"])
def test_a_tls_server_serves_with_the_pair_and_a_client_trusts_the_ca(algorithm: str, tmp_path: Path) -> None:
    key = fresh(algorithm)
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    terms = replace(TERMS, not_before=begin)
    authority = authority_of(fresh("ES256", None, 1), begin=begin - YEAR, end=begin + YEAR)
    (tmp_path / "tls.crt").write_bytes(ca_signed(key.public, Authority.load(*authority), terms))
    (tmp_path / "tls.key").write_bytes(render(key.public, key.private, Form.PEM))
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    client_context = ssl.create_default_context(cadata=authority[0].decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname="auth.example.com")
    waiting = [client, server]
    for _ in range(8):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert waiting == []
    subject: Any = client.getpeercert()
    assert subject["serialNumber"] == f"{TERMS.serial:04X}"


def test_a_ca_does_not_print_its_key() -> None:
    key = fresh("ES256")
    authority = Authority.load(*authority_of(key))
    text = f"{authority!r} {authority}"
    assert "PRIVATE KEY" not in text
    assert not [window for window in private_windows(key.private.reveal()) if window in text]


def test_all_classes_but_one_have_certificates() -> None:
    certified = {ALGORITHMS[name].key_class for name in PAIR_NAMES}
    assert certified == set(KeyClass) - {KeyClass.SYMMETRIC}
    assert issubclass(CertificateError, JwkError)
