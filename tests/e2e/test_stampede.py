"""Many who ask the same of two server processes cost one model call, also when the one who makes it is killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from openai import AsyncOpenAI

from benchmarks.server import ServerProcess
from benchmarks.upstream import UpstreamProcess

PIECES = 10


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess(PIECES, 0.3) as running:
        yield running


@pytest.fixture(scope="module")
def servers(upstream: UpstreamProcess) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two processes on one database, with the upstream as the model `mock`."""
    environment = {"RYORIN_MODELS__MOCK__BASE_URL": upstream.base_url, "RYORIN_MODELS__MOCK__MODEL": "mock"}
    with ServerProcess(**environment) as one:
        other = ServerProcess(data_dir=one.data_dir, **environment)
        other.start()
        try:
            yield one, other
        finally:
            other.stop()


def client_of(server: ServerProcess) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="none", timeout=60, max_retries=0)


async def whole(client: AsyncOpenAI, question: str) -> str:
    made = await client.chat.completions.create(model="mock", messages=[{"role": "user", "content": question}])
    return made.choices[0].message.content or ""


class Listener:
    """One who listens to a stream."""

    def __init__(self, client: AsyncOpenAI, question: str) -> None:
        self.text = ""
        self.begun = asyncio.Event()
        self.task = asyncio.create_task(self._listen(client, question))

    async def _listen(self, client: AsyncOpenAI, question: str) -> None:
        stream = await client.chat.completions.create(
            model="mock", messages=[{"role": "user", "content": question}], stream=True
        )
        async for chunk in stream:
            for choice in chunk.choices:
                self.text += choice.delta.content or ""
            if self.text:
                self.begun.set()


@pytest.mark.timeout(180)
def test_a_thousand_who_ask_two_processes_cost_one_call(
    upstream: UpstreamProcess, servers: tuple[ServerProcess, ServerProcess]
) -> None:
    async def ask_all() -> Counter[str]:
        async with client_of(servers[0]) as one, client_of(servers[1]) as other:
            together = (whole((one, other)[number % 2], "What?") for number in range(1000))
            return Counter(await asyncio.gather(*together))

    before = upstream.calls()
    said = asyncio.run(ask_all())

    assert upstream.calls() == before + 1
    assert list(said.values()) == [1000]


# the last one here: one of the servers does not survive it
@pytest.mark.timeout(180)
def test_when_the_leader_is_killed_in_mid_stream_every_follower_ends_with_the_whole_answer(
    upstream: UpstreamProcess, servers: tuple[ServerProcess, ServerProcess]
) -> None:
    async def run(one: ServerProcess, other: ServerProcess) -> tuple[set[str], str]:
        async with client_of(one) as leading, client_of(other) as following:
            leader = Listener(leading, "Why?")
            await leader.begun.wait()
            followers = [Listener(following, "Why?") for _ in range(20)]
            await asyncio.gather(*(follower.begun.wait() for follower in followers))
            half = followers[0].text
            one.kill()
            await asyncio.gather(*(follower.task for follower in followers))
            with pytest.raises(Exception, match=r"peer closed|Connection|incomplete"):
                await leader.task
            return {follower.text for follower in followers}, half

    before = upstream.calls()
    texts, half = asyncio.run(run(*servers))

    assert upstream.calls() == before + 2
    (text,) = texts
    assert len(text.split()) == PIECES
    assert half and text.startswith(half) and half != text
