"""What every work queue must do: Procrastinate on the database, Celery on Redis, Celery on RabbitMQ."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from kombu import Connection
from pydantic import SecretStr

from ryorin.adapters.celery.queue import PREFIX, CeleryQueue
from ryorin.adapters.local.system import TimeOrderedIds
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.background import Role
from ryorin.bootstrap.settings import BrokerSettings, Settings, WorkerSettings
from ryorin.contexts.knowledge.commands import CreateCollection, PutDocument
from ryorin.kernel.commands import CommandFilter, CommandState, Envelope, Failure
from ryorin.kernel.errors import InvalidInput, Unavailable
from ryorin.kernel.messages import Command, CommandId
from ryorin.kernel.together import ended
from tests.rabbitmq_server import RabbitServer
from tests.redis_server import RedisServer
from tests.steps import ADMIN, put

pytestmark = pytest.mark.timeout(180)

QUEUES = tuple(WorkerSettings.model_fields)
WAIT_SECONDS = 30


@dataclass(frozen=True)
class Carrier:
    """A kind of queue: the settings that choose it, and what wipes it."""

    broker: BrokerSettings

    async def wipe(self, app: App) -> None:
        """Lose every message."""
        if self.broker.url is None:
            await app.base.pool.execute("DELETE FROM procrastinate_jobs")
            return
        await asyncio.to_thread(self._purge, self.broker.url.get_secret_value())

    @staticmethod
    def _purge(url: str) -> None:
        with Connection(url) as connection:
            for queue in QUEUES:
                connection.default_channel.queue_purge(PREFIX + queue)


@pytest.fixture(params=["procrastinate", "celery-redis", "celery-rabbitmq"])
async def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Carrier]:
    match request.param:
        case "procrastinate":
            yield Carrier(BrokerSettings())
        case "celery-redis":
            redis = RedisServer(tmp_path)
            await redis.start()
            yield Carrier(BrokerSettings(url=SecretStr(f"redis://127.0.0.1:{redis.port}/0")))
            await redis.kill()
        case _:
            if shutil.which("rabbitmq-server") is None:
                pytest.skip("there is no rabbitmq-server here: apt install rabbitmq-server")
            rabbit = RabbitServer(tmp_path)
            await rabbit.start()
            yield Carrier(BrokerSettings(url=SecretStr(rabbit.url)))
            await rabbit.kill()


@pytest.fixture
async def opened(carrier: Carrier, database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[App]:
    settings = Settings(database_url=database_url, data_dir=tmp_path, broker=carrier.broker)
    async with open_app(settings, frozenset(), {"default": engine}) as app:
        yield app


class Work:
    """What workers took; `gate` holds them back until it is set."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.woken: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    async def run_next(self, queue: str) -> bool:
        record = await self._app.base.log.lease(queue)
        if record is None:
            return False
        self.woken[queue] += 1
        self.under_way[queue] += 1
        self.most[queue] = max(self.most[queue], self.under_way[queue])
        await self.gate.wait()
        self.under_way[queue] -= 1
        async with self._app.base.transactions.begin(record.envelope) as transaction:
            await transaction.fail(record, Failure(CommandState.DEAD, "conflict", "it was only counted"))
        return True

    async def until(self, **woken: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while any(self.woken[queue] < times for queue, times in woken.items()):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def working(app: App, work: Work, **concurrency: int) -> AsyncIterator[None]:
    task = asyncio.create_task(app.base.queue.work(work.run_next, {"interactive": 2, "ingest": 3, **concurrency}))
    try:
        yield
    finally:
        work.gate.set()
        await ended(task)


async def accept(app: App, command: Command, times: int = 1) -> None:
    for _ in range(times):
        command_id = CommandId(TimeOrderedIds().new())
        await app.base.log.accept(Envelope(command_id, command, ADMIN, None, str(command_id)))


INTERACTIVE = CreateCollection(collection="docs")
INGEST = PutDocument(collection="docs", document="a.md", content_hash="0" * 64, size_bytes=1, filename="a.md")


async def test_every_accepted_command_wakes_a_worker_of_its_queue(opened: App) -> None:
    work = Work(opened)
    await accept(opened, INTERACTIVE, 3)
    async with working(opened, work):
        await accept(opened, INGEST, 5)
        await work.until(interactive=3, ingest=5)
        # who runs commands may do so without the messages of all of them, which are over soon
        async with asyncio.timeout(WAIT_SECONDS):
            while any((await opened.base.queue.depth()).values()):
                await asyncio.sleep(0.02)
    assert work.woken == {"interactive": 3, "ingest": 5}


async def test_a_full_queue_keeps_no_other_from_working(opened: App) -> None:
    work = Work(opened)
    work.gate.clear()
    async with working(opened, work):
        await accept(opened, INGEST, 10)
        await work.until(ingest=3)
        await accept(opened, INTERACTIVE, 2)
        await work.until(interactive=2)
        assert work.most == {"interactive": 2, "ingest": 3}
        work.gate.set()
        await work.until(ingest=10)
    assert work.most == {"interactive": 2, "ingest": 3}


async def test_messages_that_were_lost_are_sent_again(opened: App, carrier: Carrier) -> None:
    await accept(opened, INGEST, 4)
    await accept(opened, INTERACTIVE, 2)
    async with asyncio.timeout(WAIT_SECONDS):
        while (await opened.base.queue.depth()).get("ingest") != 4:
            await asyncio.sleep(0.02)
    assert await opened.base.log.sweep() == []

    await carrier.wipe(opened)
    assert len(await opened.base.log.sweep()) == 6

    work = Work(opened)
    async with working(opened, work):
        await work.until(interactive=2, ingest=4)


async def test_who_stops_leaves_the_rest_to_others(opened: App) -> None:
    first, second = Work(opened), Work(opened)
    async with working(opened, first):
        await accept(opened, INGEST, 2)
        await first.until(ingest=2)
    await accept(opened, INGEST, 2)
    async with working(opened, second):
        await second.until(ingest=2)
    assert (first.woken["ingest"], second.woken["ingest"]) == (2, 2)


async def test_documents_get_in_through_any_of_them(
    carrier: Carrier, database_url: str, tmp_path: Path, engine: OnnxE5Engine
) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path, broker=carrier.broker)
    async with open_app(settings, frozenset(Role), {"default": engine}) as app:
        views = await asyncio.gather(*(put(app, f"{number}.md", f"# Part {number}\n") for number in range(8)))
    assert {view.state for view in views} == {CommandState.SUCCEEDED}


async def test_what_is_accepted_without_a_broker_is_done_when_it_is_back(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine
) -> None:
    redis = RedisServer(tmp_path)
    broker = BrokerSettings(url=SecretStr(f"redis://127.0.0.1:{redis.port}/0"))
    settings = Settings(database_url=database_url, data_dir=tmp_path, broker=broker)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings, frozenset(Role), {"default": engine}))
        writing = [asyncio.create_task(put(app, f"{number}.md", f"# Part {number}\n")) for number in range(3)]
        async with asyncio.timeout(WAIT_SECONDS):
            while len(await app.base.log.list(ADMIN.org_id, CommandFilter(state=CommandState.ACCEPTED))) < len(writing):
                await asyncio.sleep(0.02)
        (check,) = [check for check in await app.services.checks() if check.name == "queue"]
        assert (check.ok, check.needed) == (False, False)
        assert "accepted" in check.remedy

        await redis.start()
        views = await asyncio.gather(*writing)
        assert {view.state for view in views} == {CommandState.SUCCEEDED}
        await redis.kill()


async def test_a_broker_nobody_knows_and_one_that_is_not_there() -> None:
    with pytest.raises(InvalidInput, match="redis://"):
        CeleryQueue("kafka://somewhere", QUEUES)
    queue = CeleryQueue("redis://127.0.0.1:1/0", QUEUES)
    for _ in range(2):
        with pytest.raises(Unavailable, match="broker"):
            await queue.enqueue(CommandId(uuid4()), "ingest", None)
    for url in ("redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//"):
        with pytest.raises(Unavailable, match="does not answer"):
            await CeleryQueue(url, QUEUES).depth()
