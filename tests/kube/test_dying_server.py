"""A server that dies while it is talked to: it costs no descriptor of another connection and raises nothing foreign."""

import asyncio
import gc
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import uvloop
from kubernetes.aio.client import Configuration

from jwks_operator.kube.client import SECRETS, Call
from jwks_operator.kube.endpoint_fetch import Address, HttpFetch, NoAnswer
from jwks_operator.kube.errors import KubeError, NotLeading, Unavailable
from jwks_operator.kube.sockets import make_socket
from jwks_operator.kube.transport import HttpTransport
from jwks_operator.watch.echo_filter import make_session

ATTEMPTS = 200
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting() -> Iterator[int]:
    """A server that resets every connection as soon as it has it; gives its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=ATTEMPTS) as server:

        def reset() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                connection.close()

        thread = threading.Thread(target=reset)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def by_transport(port: int) -> list[Any]:
    configuration = Configuration(host=f"https://127.0.0.1:{port}")
    transport = HttpTransport(configuration)
    call = Call("GET", SECRETS.path("shop", "a"))
    answers = await asyncio.gather(*(transport.request(call) for _ in range(ATTEMPTS)), return_exceptions=True)
    await transport.close()
    assert {type(each) for each in answers} == {Unavailable}
    return answers


async def by_watches(port: int) -> list[Any]:
    class Nobody:
        def count_request(self, verb: str, resource: str, code: str) -> None: ...
        def request_resync(self) -> None: ...
        def handle_known(self, plural: str, metadata: Any) -> bool:
            return False

    async with make_session(f"https://127.0.0.1:{port}", False, {}, Nobody()) as opened:
        asking = (opened.get(f"https://127.0.0.1:{port}/api/v1/secrets") for _ in range(ATTEMPTS))
        return await asyncio.gather(*asking, return_exceptions=True)


async def by_fetch(port: int) -> list[Any]:
    fetch = HttpFetch()
    asking = (fetch(Address("127.0.0.1", port, "/keys", secure=True)) for _ in range(ATTEMPTS))
    answers = await asyncio.gather(*asking, return_exceptions=True)
    await fetch.close()
    assert {type(each) for each in answers} == {NoAnswer}
    return answers


@pytest.mark.parametrize("ask", [by_transport, by_watches, by_fetch])
def test_a_connection_that_is_reset_at_once_closes_no_descriptor_of_others(ask: Any, resetting: int) -> None:
    """With the sockets of the standard library about a third of the descriptors opened here are closed."""

    async def run() -> list[int]:
        gc.disable()  # what the attempts leave behind is collected at the worst moment: when others have its numbers
        try:
            kept = await ask(resetting)
            others = [os.open(os.devnull, os.O_RDONLY) for _ in range(ATTEMPTS)]
            del kept
        finally:
            gc.enable()
        return others

    others = uvloop.run(run())
    gc.collect()
    assert [number for number in others if _closed(number)] == []


def _closed(number: int) -> bool:
    try:
        os.close(number)
    except OSError:
        return True
    return False


def test_a_socket_that_is_forgotten_closes_itself_and_nothing_else() -> None:
    address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
    forgotten = make_socket(address)
    number = forgotten.fileno()
    del forgotten
    gc.collect()
    assert _closed(number)

    robbed = make_socket(address)
    os.close(robbed.fileno())
    with closing(socket.socket()) as other:
        assert other.fileno() == robbed.fileno()
        del robbed
        gc.collect()
        assert os.fstat(other.fileno())


class Odd(Exception):
    """What nobody expects."""


FOREIGN = [
    RuntimeError("used by transport"),
    Odd(),
    AssertionError(),
    KeyError("a"),
    RecursionError(),
    StopAsyncIteration(),
]
FOREIGN += [ExceptionGroup("several", [Odd()]), MemoryError(), NotImplementedError()]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
async def test_whatever_is_raised_beneath_the_transport_is_no_answer(error: Exception) -> None:
    transport = _raising(error)
    with pytest.raises(Unavailable, match=type(error).__name__) as caught:
        await transport.request(Call("GET", "/api/v1/secrets"))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    with pytest.raises(Unavailable):
        await anext(transport.stream(Call("GET", "/api/v1/secrets")))
    await transport.close()


@pytest.mark.parametrize("error", [NotLeading("another leads"), Unavailable("no token")])
async def test_errors_of_our_own_pass_as_they_are(error: KubeError) -> None:
    transport = _raising(error)
    with pytest.raises(KubeError) as caught:
        await transport.request(Call("GET", "/api/v1/secrets"))
    assert caught.value is error
    await transport.close()


async def test_a_cancellation_of_the_caller_passes() -> None:
    async def wait(_: Any) -> None:
        await asyncio.sleep(60)

    configuration: Any = Configuration(host="http://127.0.0.1:1")
    configuration.refresh_api_key_hook = wait
    transport = HttpTransport(configuration)
    asking = asyncio.create_task(transport.request(Call("GET", "/api/v1/secrets")))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await transport.close()


def _raising(error: Exception) -> HttpTransport:
    """A transport beneath which this is raised: the official client calls a hook before it gives credentials."""

    async def hook(_: Any) -> None:
        raise error

    configuration: Any = Configuration(host="http://127.0.0.1:1")
    configuration.refresh_api_key_hook = hook
    return HttpTransport(configuration)
