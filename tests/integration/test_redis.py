"""Answers shared in Redis by two processes on the real stack, and while it is killed, slow, cut off, full or odd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.background import Role
from ryorin.bootstrap.settings import RedisSettings, Settings
from ryorin.contexts.answers.errors import ModelUnavailable
from ryorin.processes.model_directory import FAILURES
from tests.integration.test_gateway import serve, talk
from tests.redis_server import Mode, RedisServer, Wire
from tests.steps import ask, put, seen
from tests.upstream import Upstream, fails

OFFICE = "# Office\n\nThe Tokyo office opens at nine.\n"
QUESTION = "When does the Tokyo office open?"


@dataclass
class Shared:
    """Two processes' worth of Ryorin on one database and one Redis; `another` starts one more."""

    first: App
    second: App
    server: RedisServer
    wire: Wire
    another: Callable[[], Awaitable[App]]

    async def stored(self) -> list[bytes]:
        """Return when Redis has an answer; the places of all."""
        client = self.server.client()
        async with asyncio.timeout(10):
            while True:
                keys: list[bytes] = client.keys("ryorin:answer:*")
                if keys:
                    client.close()
                    return keys
                await asyncio.sleep(0.02)


@pytest.fixture
async def shared(database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[Shared]:
    server = RedisServer(tmp_path)
    await server.start()
    wire = Wire(server.port)
    await wire.open()
    url = SecretStr(f"redis://127.0.0.1:{wire.port}/0")
    # tests' machines are busy: a Redis that is well must not look slow
    settings = Settings(database_url=database_url, data_dir=tmp_path, redis=RedisSettings(url=url, timeout=0.5))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.kill)
        stack.push_async_callback(wire.close)

        async def another() -> App:
            return await stack.enter_async_context(open_app(settings, frozenset({Role.HTTP}), {"default": engine}))

        first = await stack.enter_async_context(open_app(settings, engines={"default": engine}))
        yield Shared(first, await another(), server, wire, another)


def failures(app: App, operation: str) -> float:
    """How often Redis could not be used."""
    for line in app.base.metrics.render().decode().splitlines():
        if line.startswith("ryorin_cache_failures_total") and f'operation="{operation}"' in line:
            return float(line.split()[-1])
    return 0.0


async def test_one_process_is_given_what_another_made(shared: Shared) -> None:
    written = await put(shared.first, "office.md", OFFICE)
    made = await ask(shared.first, QUESTION, seen(written))
    await shared.stored()

    given, again = await ask(shared.second, QUESTION), await ask(shared.second, QUESTION)

    assert (made.cache, given.cache, again.cache) == ("miss", "shared", "l1")
    assert (given.id, given.text, given.citations) == (made.id, made.text, made.citations)


async def test_redis_is_not_believed_about_what_has_changed(shared: Shared) -> None:
    await ask(shared.first, QUESTION, seen(await put(shared.first, "office.md", OFFICE)))
    (place,) = await shared.stored()
    client = shared.server.client()
    old = client.get(place)

    for hour in range(10, 20):
        await put(shared.first, "office.md", OFFICE.replace("nine", f"hour {hour}"))
        # as if whoever should have replaced it had not come to it
        client.set(place, old)
        assert f"hour {hour}." in (await ask(shared.second, QUESTION)).text
    # one that began after all changes was told of none of them
    third = await shared.another()
    async with asyncio.timeout(20):
        # until it listens, it believes nothing anyway
        while (await ask(third, "Who?")).cache != "l1":
            await asyncio.sleep(0.02)
    client.set(place, old)
    later = await ask(third, QUESTION)
    client.close()

    assert "hour 19." in later.text and later.cache == "l2"


async def test_without_redis_answers_come_from_the_other_layers_and_with_it_from_redis_again(shared: Shared) -> None:
    made = await ask(shared.first, QUESTION, seen(await put(shared.first, "office.md", OFFICE)))
    await shared.stored()
    await shared.server.kill()

    without = await ask(shared.second, QUESTION)
    anew = await ask(shared.first, "And now?")
    await shared.server.start()
    async with asyncio.timeout(30):
        for number in count():
            await ask(shared.first, f"Is it nine or ten? {number}")
            await asyncio.sleep(0.3)
            if (await ask(shared.second, f"Is it nine or ten? {number}")).cache == "shared":
                break

    assert (without.cache, without.id, anew.cache) == ("l2", made.id, "miss")
    assert failures(shared.second, "read shared") > 0


@pytest.mark.parametrize("mode", ["slow", "silent"])
async def test_a_redis_that_does_not_answer_in_time_is_done_without(shared: Shared, mode: Mode) -> None:
    made = await ask(shared.first, QUESTION, seen(await put(shared.first, "office.md", OFFICE)))
    await shared.stored()
    shared.wire.mode = mode

    without = await ask(shared.second, QUESTION)
    others = [await ask(shared.second, f"Question {number}?") for number in range(8)]

    assert (without.cache, without.id) == ("l2", made.id)
    assert {other.cache for other in others} == {"miss"}
    # the breaker opened: it was asked a few times, not by everyone
    assert 1 <= failures(shared.second, "read shared") <= 5


async def test_a_full_redis_takes_nothing_and_gives_what_it_has(shared: Shared) -> None:
    made = await ask(shared.first, QUESTION, seen(await put(shared.first, "office.md", OFFICE)))
    await shared.stored()
    client = shared.server.client()
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")

    other = await ask(shared.first, "What opens at nine?")
    async with asyncio.timeout(10):
        while not failures(shared.first, "write shared"):
            await asyncio.sleep(0.02)
    given, second = await ask(shared.second, QUESTION), await ask(shared.second, "What opens at nine?")
    client.close()

    assert (given.cache, given.id) == ("shared", made.id)
    assert (other.cache, second.cache, second.id) == ("miss", "l2", other.id)


@pytest.mark.parametrize("content", [b"", b"x", b"z123", b"p[]", b"p" + json.dumps({"answer": 3}).encode()])
async def test_what_others_wrote_there_is_no_answer(shared: Shared, content: bytes) -> None:
    made = await ask(shared.first, QUESTION, seen(await put(shared.first, "office.md", OFFICE)))
    (place,) = await shared.stored()
    client = shared.server.client()
    client.set(place, content)
    client.close()

    given = await ask(shared.second, QUESTION)

    assert (given.cache, given.id) == ("l2", made.id)


async def test_a_provider_that_failed_one_process_is_left_alone_by_all(shared: Shared, upstream: Upstream) -> None:
    upstream.replies = [fails(500)]
    demand = await serve(shared.first, upstream)
    for _ in range(FAILURES):
        with pytest.raises(ModelUnavailable):
            await talk(shared.first, demand)
    asked = len(upstream.bodies)

    async with asyncio.timeout(10):
        # a breaker asks Redis when it is made; the first call may be faster
        while True:
            with pytest.raises(ModelUnavailable):
                await talk(shared.second, demand)
            if len(upstream.bodies) == asked:
                break
            asked = len(upstream.bodies)
    with pytest.raises(ModelUnavailable):
        await talk(shared.second, demand)
    assert len(upstream.bodies) == asked
