"""Any sequence of well-formed requests, as another HTTP implementation writes it and reads the answers (RFC 9112)."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.mount import swap
from serve.running import JWKS, Running, read_all, serving
from serve.sets import EC, RSA, jwks

BODY = jwks(EC, RSA)
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(lambda name: f"x-{name}")
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
PATHS = st.sampled_from([JWKS, f"{JWKS}?x=1", "/", "/keys", "/none/of/that", "//", "/%2e%2e/keys", "*"])
METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "DELETE", "PROPFIND"])
CONDITIONS = st.sampled_from(
    [[], [("If-None-Match", "*")], [("If-None-Match", '"other"')], [("Accept-Encoding", "gzip")]]
)


@dataclass(frozen=True)
class Asked:
    """One request; a `body` of None is none, and `chunked` says how another one is framed."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes | None
    chunked: bool

    @property
    def goes_on(self) -> bool:
        """Whether the connection lives on after the answer: after a body it does not."""
        return not (self.body or (self.chunked and self.body is not None))

    def written(self, client: h11.Connection) -> bytes:
        framing: list[tuple[str, str]] = []
        if self.body is not None:
            framing = [("Transfer-Encoding", "chunked")] if self.chunked else [("Content-Length", str(len(self.body)))]
        headers = [("Host", "keys.example"), *self.headers, *framing]
        octets = client.send(h11.Request(method=self.method, target=self.path, headers=headers)) or b""
        if self.body:
            octets += client.send(h11.Data(data=self.body)) or b""
        return octets + (client.send(h11.EndOfMessage()) or b"")


REQUESTS = st.builds(
    Asked,
    METHODS,
    PATHS,
    st.tuples(st.lists(st.tuples(TOKENS, VALUES), max_size=4), CONDITIONS).map(lambda both: both[0] + both[1]),
    st.one_of(st.none(), st.none(), st.none(), st.binary(max_size=300)),
    st.booleans(),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    volume = tmp_path_factory.mktemp("volume")
    swap(volume, {"jwks.json": BODY})
    with serving(volume) as running:
        yield running
        assert "Traceback" not in running.log


def answer(client: h11.Connection) -> tuple[h11.Response, bytes]:
    """Read one whole answer out of what the client has received."""
    response, body = client.next_event(), b""
    assert isinstance(response, h11.Response), response
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage), event
    return response, body


@settings(max_examples=120)
@given(asked=st.lists(REQUESTS, min_size=1, max_size=8), cut=st.integers(1, 4000))
def test_each_request_gets_its_answer_in_order(server: Running, asked: list[Asked], cut: int) -> None:
    clients = [h11.Connection(h11.CLIENT) for _ in asked]
    octets = b"".join(one.written(client) for one, client in zip(asked, clients, strict=True))
    with server.connect() as connection:
        for place in range(0, len(octets), cut):
            try:
                connection.sendall(octets[place : place + cut])
            except ConnectionError:
                break  # it has ended after a request with a body
        read = read_all_after(connection)
    until = next((number for number, one in enumerate(asked, 1) if not one.goes_on), len(asked))
    for one, client in zip(asked[:until], clients, strict=False):
        client.receive_data(read)
        response, body = answer(client)
        read = client.trailing_data[0]
        judge(one, response, body)
        assert (client.their_state is h11.MUST_CLOSE) == (not one.goes_on)
    assert read == b"", "nobody asked for this"


def read_all_after(connection: socket.socket) -> bytes:
    """Say that no more requests come, and read what is left."""
    with contextlib.suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_WR)
    return read_all(connection)


def judge(asked: Asked, response: h11.Response, body: bytes) -> None:
    """The status fits the request, and the fields that every answer needs are there."""
    fields = {name.decode(): value.decode() for name, value in response.headers}
    assert "date" in fields
    if asked.method == "HEAD":
        assert body == b""
    if response.status_code == 405:
        assert {"GET", "HEAD"} <= set(fields["allow"].replace(" ", "").split(","))
    elif asked.path.partition("?")[0] in {JWKS, "/keys"} and asked.method in {"GET", "HEAD"}:
        assert response.status_code in {200, 304}
        assert fields["etag"]
        if asked.method == "GET" and response.status_code == 200 and "content-encoding" not in fields:
            assert body == BODY
    else:
        assert response.status_code in {200, 204, 400, 404, 501}
