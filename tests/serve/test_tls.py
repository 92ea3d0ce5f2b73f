"""TLS: modern versions only, and certificates that change under load without anybody noticing."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from demo.mount import swap
from serve.certificates import pair
from serve.running import JWKS, Running, serving, until
from serve.sets import EC, jwks


@dataclass
class Secure:
    server: Running
    certificates: Path

    def serial(self) -> int:
        """The serial number of the certificate that a new connection sees."""
        with self.connect() as connection:
            der = connection.getpeercert(binary_form=True)
        assert der
        return x509.load_der_x509_certificate(der).serial_number

    def shows(self, serial: int) -> bool:
        return self.serial() == serial

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        raw = socket.create_connection((self.server.host, self.server.port), timeout=10)
        return (context or trusting()).wrap_socket(raw, server_hostname="127.0.0.1")


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    volume, certificates = tmp_path / "set", tmp_path / "tls"
    swap(volume, {"jwks.json": jwks(EC)})
    swap(certificates, pair(1))
    arguments = [f"--tls-cert={certificates}/tls.crt", f"--tls-key={certificates}/tls.key", "--admin-port=0"]
    with serving(volume, *arguments, "--request-timeout=3") as server:  # a handshake on a busy machine takes a while
        assert server.scheme == "https"
        yield Secure(server, certificates)


def test_a_verifying_client_is_served(secure: Secure) -> None:
    context = ssl.create_default_context(cafile=str(secure.certificates / "tls.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", secure.server.port, context=context, timeout=10)
    for _ in range(2):
        connection.request("GET", JWKS)
        assert connection.getresponse().read() == jwks(EC)
    connection.close()


def test_certificates_change_under_load_and_no_connection_drops(secure: Secure) -> None:
    ended, errors, count = threading.Event(), list[str](), [0] * 8

    def ask(number: int) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", secure.server.port, context=trusting(), timeout=10)
        try:
            while not ended.is_set():
                connection.request("GET", JWKS)
                assert connection.getresponse().read() == jwks(EC)
                count[number] += 1
        except (OSError, http.client.HTTPException, AssertionError) as error:
            errors.append(repr(error))
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(count))]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    for serial in (2, 3, 4):
        swap(secure.certificates, pair(serial))
        until(partial(secure.shows, serial))
    ended.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(count)


def test_a_pair_that_does_not_fit_changes_nothing(secure: Secure) -> None:
    swap(secure.certificates, {**pair(2), "tls.key": pair(3)["tls.key"]})
    until(lambda: "are not a pair" in secure.server.log)
    assert secure.serial() == 1
    assert b'jwks_server_tls_reloads_total{result="refused"} 1\n' in secure.server.ask_admin("/metrics").body
    assert "PRIVATE" not in secure.server.log
    swap(secure.certificates, pair(4))
    until(lambda: secure.serial() == 4)


def test_old_versions_are_refused(secure: Secure) -> None:
    context = trusting()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        secure.connect(context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_present_versions_are_spoken(secure: Secure, version: ssl.TLSVersion) -> None:
    context = trusting()
    context.minimum_version = context.maximum_version = version
    with secure.connect(context) as connection:
        assert connection.version() == version.name.replace("_", ".")


def test_whatever_comes_instead_of_tls_hurts_nobody(secure: Secure) -> None:
    for octets in (b"GET /keys HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01", b"\xff" * 500, b""):
        with secure.server.connect() as client:
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(10)
            try:
                while client.recv(4096):
                    pass
            except ConnectionError:
                continue
    assert secure.serial() == 1


def test_a_slow_request_is_ended_over_tls_too(secure: Secure) -> None:
    with secure.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            assert connection.recv(100) == b""
        assert 0.4 < time.monotonic() - began < 60


def test_a_bad_request_over_tls_gets_its_answer(secure: Secure) -> None:
    with secure.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
