"""What the adapter takes for granted about how kopf starts, logs in and ends, against the installed kopf."""

import asyncio
import signal

import kopf

from watch.scripted import Answer, Server, kopf_against


async def test_a_401_is_followed_by_a_login_whose_credentials_the_same_request_uses() -> None:
    server = Server()
    server.lists.append(Answer(401))
    tokens = iter(["first", "second"])

    def login(url: str) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=url, token=next(tokens))

    async with kopf_against(server, login=login) as watching:
        await watching.until(server.watched_from)
    assert server.tokens == ["Bearer first", "Bearer second", "Bearer second"]


async def test_a_login_that_gives_refused_credentials_again_ends_kopf() -> None:
    """So each login gives a session of its own, which equals no other."""
    server = Server()
    server.lists.append(Answer(401))
    async with kopf_against(server) as watching:
        assert isinstance(await watching.end(), kopf.LoginError)


async def test_kopf_cancels_the_tasks_that_began_after_it_and_no_others() -> None:
    """So the process starts its own tasks first, and cancels by the same rule, because kopf takes five seconds."""
    server = Server()
    before = asyncio.create_task(asyncio.Event().wait())
    async with kopf_against(server) as watching:
        await watching.until(server.watched_from)
        others = asyncio.all_tasks() - set(watching.tasks)
        after = asyncio.create_task(asyncio.Event().wait())
        next(iter(watching.tasks)).cancel()
        async with asyncio.timeout(20):
            await asyncio.wait({asyncio.create_task(kopf.run_tasks(watching.tasks, ignored=others))})
        assert after.cancelled()
        assert not before.done()
    before.cancel()


async def test_kopf_takes_over_the_signals_of_the_process() -> None:
    """So the process takes them back once kopf has begun."""
    loop = asyncio.get_running_loop()
    heard: list[int] = []
    loop.add_signal_handler(signal.SIGTERM, heard.append, signal.SIGTERM)
    server = Server()
    async with kopf_against(server) as watching:
        await watching.until(server.watched_from)
        signal.raise_signal(signal.SIGTERM)
        await watching.end()
    assert heard == []
