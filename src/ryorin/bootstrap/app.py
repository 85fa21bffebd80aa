"""Builds a running Ryorin from settings: everything connected, the asked-for roles at work."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from ryorin.adapters.jinja.templates import JinjaTemplates
from ryorin.adapters.openai_http.chat import model_session
from ryorin.adapters.parsers.formats import ParserLimits
from ryorin.adapters.parsers.parser import SandboxedParser
from ryorin.adapters.postgres.audit import PostgresAuditLog
from ryorin.adapters.postgres.cache_ledger import PostgresCacheLedger
from ryorin.adapters.postgres.chunk_store import PostgresChunkStore, PostgresEmbeddingStore
from ryorin.adapters.postgres.committed_changes import PostgresCommittedChanges
from ryorin.adapters.postgres.document_read_model import PostgresDocumentReadModel
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.adapters.postgres.erasure import Remains
from ryorin.adapters.postgres.files import PostgresFiles
from ryorin.adapters.postgres.identity import PostgresKeyDirectory
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.popular_questions import PostgresPopularQuestions
from ryorin.adapters.postgres.projections import statuses
from ryorin.adapters.postgres.search_index import PostgresChunkIndex
from ryorin.adapters.postgres.semantic import PostgresSemanticStore
from ryorin.adapters.postgres.stored_chunks import PostgresStoredChunks
from ryorin.adapters.postgres.vector_indexes import PostgresVectorIndexes
from ryorin.adapters.web.fetcher import WebFetcher
from ryorin.bootstrap.background import Ledgers, Role, background_work
from ryorin.bootstrap.checks import Checks
from ryorin.bootstrap.figures import Figures
from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.answers import answer_handlers
from ryorin.bootstrap.wiring.blobs import blob_store
from ryorin.bootstrap.wiring.embedding import build_engines, embedding
from ryorin.bootstrap.wiring.features import Features, build_features
from ryorin.bootstrap.wiring.foundation import Foundation, build_foundation
from ryorin.bootstrap.wiring.gateway import Gateway, build_gateway, gateway_commands
from ryorin.bootstrap.wiring.identity import authenticator, visitors
from ryorin.bootstrap.wiring.projections import Projections, build_projections
from ryorin.bootstrap.wiring.prompts import prompt_handlers
from ryorin.bootstrap.wiring.queues import work_queue
from ryorin.bootstrap.wiring.redis import shared_answers, shared_breakers
from ryorin.bootstrap.wiring.retrieval import rerank_stage, retrieval_handlers
from ryorin.bootstrap.wiring.routing import Routing, build_routing
from ryorin.bootstrap.wiring.stores import build_stores, shelves
from ryorin.bootstrap.wiring.tracing import tracer
from ryorin.contexts.answers import module as answers
from ryorin.contexts.files import module as files
from ryorin.contexts.identity import module as identity
from ryorin.contexts.knowledge import module as knowledge
from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.pipeline import DEFAULT_EMBEDDING
from ryorin.contexts.operations import module as operations
from ryorin.contexts.prompts import module as prompts
from ryorin.contexts.routing import module as routing_context
from ryorin.entrypoints.services import ScrubReport, Services, Uploader
from ryorin.kernel.bus import CommandBus, QueryBus
from ryorin.kernel.errors import Forbidden, Unavailable
from ryorin.kernel.execution import CommandExecutor
from ryorin.kernel.messages import Actor, Scope
from ryorin.processes.freshness_check import FreshnessCheck
from ryorin.processes.keep_answers_fresh import FOLLOWED
from ryorin.processes.semantic_hits import Embed
from ryorin.processes.warm_answers import WarmAnswersProcess

ALL_ROLES = frozenset(Role)
# how long the start waits for notifications
LISTEN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class App:
    """A running Ryorin."""

    settings: Settings
    services: Services
    base: Foundation
    projections: Projections
    engine: EmbeddingEngine
    keys: PostgresKeyDirectory
    feeder: knowledge.VectorFeeder
    ledgers: Ledgers
    gateway: Gateway
    features: Features
    routing: Routing
    remains: Remains


@asynccontextmanager
async def open_app(
    settings: Settings, roles: frozenset[Role] = ALL_ROLES, engines: Mapping[str, EmbeddingEngine] | None = None
) -> AsyncIterator[App]:
    """Start everything, lend it, and stop it in order; `engines` replace the embedding engines."""
    async with AsyncExitStack() as stack:
        loading = asyncio.ensure_future(asyncio.to_thread(_load_engines, settings, engines))
        stack.push_async_callback(_settled, loading)
        url = await _database(settings, stack)
        pool = Pool(url, settings.pool_size)
        await pool.open()
        stack.push_async_callback(pool.close)
        replica = await _replica(settings, stack)
        base = build_foundation(pool, work_queue(settings, pool), tracer(settings, stack), replica)
        await base.queue.open()
        app = await _assemble(settings, base, await loading, roles, stack)
        await app.projections.prepare()
        executor = app.services.commands.executor
        await stack.enter_async_context(
            background_work(
                base, app.projections, executor, app.feeder, app.ledgers, app.features, app.remains, settings, roles
            )
        )
        # answers are not kept in memory before; without a database it goes on trying
        await base.notifications.listening(LISTEN_SECONDS)
        yield app


async def _written(ledgers: Ledgers) -> None:
    for write in (ledgers.cache.write, ledgers.spending.write, ledgers.decisions.write, ledgers.traffic.write):
        with suppress(Unavailable):
            await write()


def _load_engines(settings: Settings, engines: Mapping[str, EmbeddingEngine] | None) -> Mapping[str, EmbeddingEngine]:
    return engines or build_engines(settings)


async def _settled(loading: asyncio.Future[Mapping[str, EmbeddingEngine]]) -> None:
    await asyncio.gather(loading, return_exceptions=True)


async def _replica(settings: Settings, stack: AsyncExitStack) -> Pool | None:
    if settings.database_read_url is None:
        return None
    pool = Pool(settings.database_read_url, settings.pool_size)
    await pool.open()
    stack.push_async_callback(pool.close)
    return pool


async def _database(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.database_url:
        url = settings.database_url
    else:
        server = await asyncio.to_thread(EmbeddedPostgres.start, settings.data_dir)
        stack.push_async_callback(asyncio.to_thread, server.release)
        url = server.url
    await asyncio.to_thread(migrate, url)
    return url


async def _assemble(
    settings: Settings,
    base: Foundation,
    engines: Mapping[str, EmbeddingEngine],
    roles: frozenset[Role],
    stack: AsyncExitStack,
) -> App:
    engine = engines[DEFAULT_EMBEDDING]
    spaces = {name: knowledge.centred(one) for name, one in engines.items()}
    writing: list[CommandBus] = []
    projections = build_projections(base, spaces, lambda: writing[0])
    keys = PostgresKeyDirectory(base.pool)
    blobs = blob_store(settings, base.clock)
    stores = build_stores(settings, base.pool)
    for store in stores.values():
        stack.push_async_callback(store.close)
    client = await stack.enter_async_context(httpx.AsyncClient())
    rerank = rerank_stage(base, settings, client)
    ports = _write_ports(settings, base, spaces, stores, rerank, blobs, stack)
    session = model_session()
    stack.push_async_callback(session.close)
    # the engine itself spreads a batch over threads of its own
    thread = ThreadPoolExecutor(max_workers=2, thread_name_prefix="embed-queries")
    stack.callback(thread.shutdown, wait=False, cancel_futures=True)
    embed = embedding(engine, thread)
    routing = build_routing(base, engine.model_id, embed)
    gateway = build_gateway(base, settings, session, shared_breakers(settings, base, stack))
    buses: list[QueryBus] = []
    features = build_features(base, settings, gateway, embed, lambda: buses[0], lambda: writing[0], stack)
    ledgers = Ledgers(PostgresCacheLedger(base.pool), gateway.spending, routing.decisions, features.observing.notes)
    stack.push_async_callback(_written, ledgers)
    warmer = WarmAnswersProcess(
        PostgresPopularQuestions(base.pool),
        FreshnessCheck(PostgresCommittedChanges(base.pool, FOLLOWED), base.positions),
        lambda: buses[0],
    )
    executor = _command_executor(base, ports, projections, ledgers.cache, warmer, routing, features)
    writing.append(CommandBus(base.log, executor, base.ids, base.telemetry))
    buses.append(
        _query_bus(
            settings,
            base,
            engine,
            spaces,
            stores,
            rerank,
            client,
            projections,
            keys,
            ledgers.cache,
            gateway,
            routing,
            features,
            embed,
            thread,
            roles,
            stack,
        )
    )
    remains = Remains(base.pool, blobs, settings.erasure.idle_seconds)
    services = Services(
        commands=writing[0],
        queries=buses[0],
        positions=base.positions,
        telemetry=base.telemetry,
        authenticate=authenticator(settings, base, keys, client, stack),
        visitor=visitors(settings, base, stack),
        upload=_uploader(settings, blobs),
        keep_examples=routing.keep_examples,
        keeper=features.remembering.keeper,
        keep_items=features.evaluating.keep_items,
        genome_of=features.evaluating.genome_of,
        keep_feedback=features.observing.keep_feedback,
        annotations=features.annotating,
        checks=Checks(base, engine, settings).run,
        scrub=_scrubber(remains, settings),
        metrics=Figures(base).render,
        default_model=settings.default_model,
    )
    feeder = knowledge.VectorFeeder(
        PostgresVectorIndexes(base.pool, spaces[DEFAULT_EMBEDDING].model_id),
        stores,
        ports.embedders,
        ports.chunks,
        base.telemetry,
    )
    return App(
        settings, services, base, projections, engine, keys, feeder, ledgers, gateway, features, routing, remains
    )


def _write_ports(
    settings: Settings,
    base: Foundation,
    spaces: Mapping[str, EmbeddingEngine],
    stores: Mapping[str, knowledge.VectorStore],
    rerank: knowledge.RerankStage,
    blobs: knowledge.BlobStore,
    stack: AsyncExitStack,
) -> knowledge.WritePorts:
    parser = SandboxedParser(ParserLimits(max_bytes=settings.max_upload_bytes))
    stack.callback(parser.close)
    vectors = PostgresEmbeddingStore(base.pool)
    embedders = {name: knowledge.PassageEmbedder(space, vectors) for name, space in spaces.items()}
    for embedder in embedders.values():
        stack.callback(embedder.close)
    fetcher = WebFetcher(settings.fetch.allowed_hosts, settings.max_upload_bytes, settings.fetch.timeout)
    stack.push_async_callback(fetcher.close)
    return knowledge.WritePorts(
        events=base.events,
        blobs=blobs,
        parser=parser,
        chunks=PostgresChunkStore(base.pool),
        embedders=embedders,
        indexes=PostgresVectorIndexes(base.pool, spaces[DEFAULT_EMBEDDING].model_id),
        stores=stores.keys(),
        rerankers=rerank.names,
        fetcher=fetcher,
        max_fetched_bytes=settings.max_upload_bytes,
    )


def _command_executor(
    base: Foundation,
    ports: knowledge.WritePorts,
    projections: Projections,
    ledger: PostgresCacheLedger,
    warmer: answers.AnswerWarmer,
    routing: Routing,
    features: Features,
) -> CommandExecutor:
    handlers = {
        **answers.command_handlers(ledger, PostgresSemanticStore(base.pool), warmer),
        **knowledge.command_handlers(ports),
        **identity.command_handlers(base.clock),
        **gateway_commands(),
        **files.command_handlers(),
        **routing_context.command_handlers(routing.ports),
        **prompts.command_handlers(JinjaTemplates(), base.events, features.evaluating.promotion),
        **features.command_handlers(),
        **operations.command_handlers(_operations(base, projections)),
    }
    return CommandExecutor(handlers, base.log, base.transactions, base.clock, base.telemetry, random.random)


def _operations(base: Foundation, projections: Projections) -> operations.Ports:
    return operations.Ports(base.log, projections.runners, lambda: statuses(base.pool), PostgresAuditLog(base.pool))


def _query_bus(
    settings: Settings,
    base: Foundation,
    engine: EmbeddingEngine,
    spaces: Mapping[str, EmbeddingEngine],
    stores: Mapping[str, knowledge.VectorStore],
    rerank: knowledge.RerankStage,
    client: httpx.AsyncClient,
    projections: Projections,
    keys: PostgresKeyDirectory,
    ledger: PostgresCacheLedger,
    gateway: Gateway,
    routing: Routing,
    features: Features,
    embed: Embed,
    thread: ThreadPoolExecutor,
    roles: frozenset[Role],
    stack: AsyncExitStack,
) -> QueryBus:
    recall = knowledge.RecallProbe(base.telemetry, settings.retrieval.recall_probe_share, random.random)
    stack.push_async_callback(recall.close)
    ports = knowledge.ReadPorts(
        documents=PostgresDocumentReadModel(base.reading),
        index=PostgresChunkIndex(base.reading),
        stored=knowledge.StoredVectors(PostgresStoredChunks(base.reading), shelves(settings, stores, base.clock)),
        engine=engine,
        spaces=spaces,
        executor=thread,
        telemetry=base.telemetry,
        recall=recall,
        rerank=rerank,
        query_vectors=settings.retrieval.query_vectors,
    )
    buses: list[QueryBus] = []
    answering = answer_handlers(
        base,
        settings,
        gateway,
        routing,
        features,
        lambda: buses[0],
        ledger,
        PostgresSemanticStore(base.pool),
        embed,
        shared_answers(settings, base, stack),
        serves=Role.HTTP in roles,
    )
    stack.push_async_callback(answering.process.close)
    retrieval, retrieving = retrieval_handlers(base, settings, gateway.standing, client, lambda: buses[0])
    stack.push_async_callback(retrieving.close)
    handlers: dict[type[Any], Callable[..., Any]] = {
        **knowledge.query_handlers(ports),
        **identity.query_handlers(keys),
        **operations.query_handlers(_operations(base, projections)),
        **gateway.queries(),
        **files.query_handlers(PostgresFiles(base.pool)),
        **routing_context.query_handlers(routing.ports),
        **prompt_handlers(base, lambda: buses[0], embed),
        **features.query_handlers(),
        **retrieval,
        **answering.handlers,
    }
    bus = QueryBus(handlers, base.positions, base.telemetry, answering.streams)
    buses.append(bus)
    return bus


def _scrubber(remains: Remains, settings: Settings) -> Callable[[], Awaitable[ScrubReport]]:
    async def scrub() -> ScrubReport:
        dropped = await remains.drop()
        return ScrubReport(dropped, await remains.waiting(), await remains.scrub(), settings.erasure.idle_seconds)

    return scrub


def _uploader(settings: Settings, blobs: knowledge.BlobStore) -> Uploader:
    async def upload(actor: Actor, content: AsyncIterator[bytes]) -> StoredContent:
        if not actor.may_somewhere(Scope.KNOWLEDGE_WRITE):
            raise Forbidden(f"uploads need the scope {Scope.KNOWLEDGE_WRITE.value!r}, which this credential lacks")
        return await blobs.put(actor.org_id, content, settings.max_upload_bytes)

    return upload


__all__ = ["ALL_ROLES", "App", "Role", "open_app"]
