"""The write side of knowledge on memory: commands in, events out; nothing real but the domain and the kernel."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.local.system import TimeOrderedIds
from ryorin.adapters.memory.clock import StandingClock
from ryorin.adapters.memory.command_log import MemoryCommandLog
from ryorin.adapters.memory.event_store import MemoryEventStore
from ryorin.adapters.memory.knowledge import MemoryBlobStore, MemoryChunkStore, MemoryEmbeddingStore
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.adapters.memory.transactions import MemoryTransactions
from ryorin.adapters.memory.vector_indexes import MemoryVectorIndexes
from ryorin.adapters.memory.work_queue import MemoryWorkQueue
from ryorin.contexts.knowledge.commands import PutDocument
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument
from ryorin.contexts.knowledge.errors import UnreadableDocument
from ryorin.contexts.knowledge.module import PassageEmbedder, WritePorts, command_handlers
from ryorin.contexts.knowledge.write.ports import Fetched
from ryorin.kernel.bus import CommandBus, Receipt
from ryorin.kernel.commands import CommandRecord
from ryorin.kernel.events import BEGINNING, Event
from ryorin.kernel.execution import CommandExecutor
from ryorin.kernel.messages import Actor, Command, CommandId, OrgId, Scope

ORG = OrgId("a")
ACTOR = Actor(ORG, "someone", frozenset({Scope.KNOWLEDGE_WRITE}))


class HashEngine:
    """Vectors from hashes; `broken` is raised instead, `given` is everything that was embedded."""

    dimensions, centre = 8, None

    def __init__(self, model_id: str = "hash@1") -> None:
        self.model_id = model_id
        self.given: list[str] = []
        self.broken: Exception | None = None

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.broken is not None:
            raise self.broken
        self.given += texts
        raw = np.array([list(hashlib.sha256(text.encode()).digest()[:8]) for text in texts], dtype=np.float32)
        vectors: NDArray[np.float32] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return vectors

    embed_queries = embed_passages

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


class MarkdownOnly:
    """A parser of UTF-8; anything else is unreadable."""

    def parse(self, content: bytes, filename: str, media_type: str | None) -> ParsedDocument:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise UnreadableDocument(f"{filename}: no UTF-8") from error
        return self.text(text, "text/markdown")

    def text(self, text: str, media_type: str) -> ParsedDocument:
        return ParsedDocument(text, None, media_type, None)


class MemoryWeb:
    """Pages by their URLs; an exception is raised instead."""

    def __init__(self) -> None:
        self.pages: dict[str, Fetched | Exception] = {}

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[Fetched]:
        page = self.pages[url]
        if isinstance(page, Exception):
            raise page
        yield page


class WriteSide:
    """Bus, worker and everything below, in memory."""

    def __init__(self) -> None:
        self.clock, self.queue, ids, telemetry = StandingClock(), MemoryWorkQueue(), TimeOrderedIds(), MemoryTelemetry()
        self.events = MemoryEventStore(self.clock)
        self.log = MemoryCommandLog(self.clock, ids, self.queue)
        self.blobs, self.engine, self.vectors = MemoryBlobStore(), HashEngine(), MemoryEmbeddingStore()
        self.other = HashEngine("other@1")
        embedder = PassageEmbedder(self.engine, self.vectors)
        self.indexes = MemoryVectorIndexes()
        self.web = MemoryWeb()
        ports = WritePorts(
            self.events,
            self.blobs,
            MarkdownOnly(),
            MemoryChunkStore(),
            {"default": embedder, "other": PassageEmbedder(self.other, self.vectors)},
            self.indexes,
            stores={"pgvector", "qdrant"},
            rerankers={"features", "none"},
            fetcher=self.web,
            max_fetched_bytes=1_000_000,
        )
        transactions = MemoryTransactions(self.events, self.log, self.queue)
        executor = CommandExecutor(
            command_handlers(ports), self.log, transactions, self.clock, telemetry, random=lambda: 0.0
        )
        self.bus = CommandBus(self.log, executor, ids, telemetry)

    async def send(self, command: Command, key: str | None = None) -> Receipt:
        return await self.bus.send(command, ACTOR, idempotency_key=key)

    async def accept(self, document: str, text: str | bytes, key: str | None = None, **more: object) -> CommandId:
        """Send a PutDocument, which waits in the queue then."""

        async def pieces() -> AsyncIterator[bytes]:
            yield text.encode() if isinstance(text, str) else text

        stored = await self.blobs.put(ORG, pieces(), 1_000_000)
        parts: dict[str, object] = {"collection": "docs", "document": document, "filename": document, **more}
        command = PutDocument(content_hash=stored.content_hash, size_bytes=stored.size_bytes, **parts)  # type: ignore[arg-type]
        return (await self.send(command, key)).record.envelope.id

    async def work(self) -> None:
        """Be a worker until nothing is due."""
        while due := self.queue.due(self.clock.now()):
            for queue in due:
                await self.bus.executor.run_next(queue)

    async def put(self, document: str, text: str | bytes, **more: object) -> CommandRecord:
        """Send a PutDocument and carry it out."""
        command_id = await self.accept(document, text, **more)
        await self.work()
        return await self.record(command_id)

    async def record(self, command_id: CommandId) -> CommandRecord:
        found = await self.log.get(ORG, command_id)
        assert found is not None
        return found

    async def happened(self) -> list[Event]:
        return [recorded.event for recorded in await self.events.read_all(BEGINNING, 1000)]

    def pass_time(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)
