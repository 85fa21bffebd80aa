"""Builds a running Ryorin from settings: everything connected, the asked-for roles at work."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from ryorin.adapters.local.blobs import LocalBlobStore
from ryorin.adapters.parsers.formats import ParserLimits
from ryorin.adapters.parsers.parser import SandboxedParser
from ryorin.adapters.postgres.chunk_store import PostgresChunkStore, PostgresEmbeddingStore
from ryorin.adapters.postgres.document_read_model import PostgresDocumentReadModel
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.adapters.postgres.identity import PostgresKeyDirectory
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.projections import statuses
from ryorin.adapters.postgres.search_index import PostgresChunkIndex
from ryorin.bootstrap.background import Role, background_work
from ryorin.bootstrap.checks import Checks
from ryorin.bootstrap.figures import Figures
from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.answers import answer_handlers, build_models
from ryorin.bootstrap.wiring.embedding import build_engine
from ryorin.bootstrap.wiring.foundation import Foundation, build_foundation
from ryorin.bootstrap.wiring.projections import Projections, build_projections
from ryorin.bootstrap.wiring.retrieval import rerank_stage, retrieval_handlers
from ryorin.contexts.answers.queries import AnswerQuestion
from ryorin.contexts.identity import module as identity
from ryorin.contexts.knowledge import module as knowledge
from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.operations import module as operations
from ryorin.entrypoints.services import Services, Uploader
from ryorin.kernel.bus import CommandBus, QueryBus
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.execution import CommandExecutor
from ryorin.kernel.messages import Actor, Scope

ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class App:
    """A running Ryorin."""

    settings: Settings
    services: Services
    base: Foundation
    projections: Projections
    engine: EmbeddingEngine
    keys: PostgresKeyDirectory


@asynccontextmanager
async def open_app(
    settings: Settings, roles: frozenset[Role] = ALL_ROLES, engine: EmbeddingEngine | None = None
) -> AsyncIterator[App]:
    """Start everything, lend it, and stop it in order; `engine` replaces the embedding engine."""
    async with AsyncExitStack() as stack:
        loading = asyncio.ensure_future(asyncio.to_thread(_load_engine, settings, engine))
        stack.push_async_callback(_settled, loading)
        url = await _database(settings, stack)
        pool = Pool(url, settings.pool_size)
        await pool.open()
        stack.push_async_callback(pool.close)
        base = build_foundation(pool)
        await base.queue.open()
        app = await _assemble(settings, base, await loading, stack)
        for store in app.projections.stores:
            await store.ensure()
        executor = app.services.commands.executor
        await stack.enter_async_context(background_work(base, app.projections, executor, settings, roles))
        yield app


def _load_engine(settings: Settings, engine: EmbeddingEngine | None) -> EmbeddingEngine:
    return engine or build_engine(settings)


async def _settled(loading: asyncio.Future[EmbeddingEngine]) -> None:
    await asyncio.gather(loading, return_exceptions=True)


async def _database(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.database_url:
        url = settings.database_url
    else:
        server = await asyncio.to_thread(EmbeddedPostgres.start, settings.data_dir)
        stack.push_async_callback(asyncio.to_thread, server.release)
        url = server.url
    await asyncio.to_thread(migrate, url)
    return url


async def _assemble(settings: Settings, base: Foundation, engine: EmbeddingEngine, stack: AsyncExitStack) -> App:
    space = knowledge.centred(engine)
    projections = build_projections(base, space)
    keys = PostgresKeyDirectory(base.pool)
    blobs = LocalBlobStore(settings.data_dir / "blobs")
    executor = _command_executor(settings, base, space, projections, blobs, stack)
    commands = CommandBus(base.log, executor, base.ids, base.telemetry)
    queries = await _query_bus(settings, base, engine, projections, keys, stack)
    services = Services(
        commands=commands,
        queries=queries,
        positions=base.positions,
        telemetry=base.telemetry,
        authenticate=identity.Authenticator(keys, base.clock, local=identity.is_loopback(settings.host)),
        upload=_uploader(settings, blobs),
        checks=Checks(base, engine, settings).run,
        metrics=Figures(base).render,
        default_model=settings.default_model,
    )
    return App(settings, services, base, projections, engine, keys)


def _command_executor(
    settings: Settings,
    base: Foundation,
    space: EmbeddingEngine,
    projections: Projections,
    blobs: LocalBlobStore,
    stack: AsyncExitStack,
) -> CommandExecutor:
    parser = SandboxedParser(ParserLimits(max_bytes=settings.max_upload_bytes))
    stack.callback(parser.close)
    embedder = knowledge.PassageEmbedder(space, PostgresEmbeddingStore(base.pool))
    stack.callback(embedder.close)
    chunks = PostgresChunkStore(base.pool)
    ports = knowledge.WritePorts(base.events, blobs, parser, chunks, embedder)
    handlers = {
        **knowledge.command_handlers(ports),
        **identity.command_handlers(),
        **operations.command_handlers(_operations(base, projections)),
    }
    return CommandExecutor(handlers, base.log, base.transactions, base.clock, base.telemetry, random.random)


def _operations(base: Foundation, projections: Projections) -> operations.Ports:
    return operations.Ports(base.log, projections.runners, lambda: statuses(base.pool))


async def _query_bus(
    settings: Settings,
    base: Foundation,
    engine: EmbeddingEngine,
    projections: Projections,
    keys: PostgresKeyDirectory,
    stack: AsyncExitStack,
) -> QueryBus:
    # one thread is enough: the engine itself spreads a batch over its own
    thread = ThreadPoolExecutor(max_workers=2, thread_name_prefix="embed-queries")
    stack.callback(thread.shutdown, wait=False, cancel_futures=True)
    client = await stack.enter_async_context(httpx.AsyncClient())
    index, documents = PostgresChunkIndex(base.pool), PostgresDocumentReadModel(base.pool)
    recall = knowledge.RecallProbe(index, base.telemetry, settings.retrieval.recall_probe_share, random.random)
    stack.push_async_callback(recall.close)
    buses: list[QueryBus] = []
    models = build_models(settings, client)
    answers, process = answer_handlers(base, settings, models, lambda: buses[0])
    retrieval, retrieving = retrieval_handlers(base, settings, models, client, lambda: buses[0])
    stack.push_async_callback(retrieving.close)
    rerank = rerank_stage(base, settings, client)
    ports = knowledge.ReadPorts(
        documents, index, engine, knowledge.centred(engine), thread, base.telemetry, recall, rerank
    )
    handlers: dict[type[Any], Callable[..., Any]] = {
        **knowledge.query_handlers(ports),
        **identity.query_handlers(keys),
        **operations.query_handlers(_operations(base, projections)),
        **retrieval,
        **answers,
    }
    bus = QueryBus(handlers, base.positions, base.telemetry, {AnswerQuestion: process.stream})
    buses.append(bus)
    return bus


def _uploader(settings: Settings, blobs: LocalBlobStore) -> Uploader:
    async def upload(actor: Actor, content: AsyncIterator[bytes]) -> StoredContent:
        if not actor.may(Scope.KNOWLEDGE_WRITE):
            raise Forbidden(f"uploads need the scope {Scope.KNOWLEDGE_WRITE.value!r}, which this credential lacks")
        return await blobs.put(actor.org_id, content, settings.max_upload_bytes)

    return upload


__all__ = ["ALL_ROLES", "App", "Role", "open_app"]
