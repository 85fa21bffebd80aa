"""Wires answering: models, cache layers and the process that uses them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.adapters.local.hot_answers import MemoryHotAnswers
from ryorin.adapters.postgres.answer_flights import PostgresAnswerFlights
from ryorin.adapters.postgres.answer_ledger import PostgresAnswerLedger
from ryorin.adapters.postgres.answers import PostgresAnswerStore
from ryorin.adapters.postgres.audiences import PostgresAudiences
from ryorin.adapters.postgres.cache_ledger import PostgresCacheLedger
from ryorin.adapters.postgres.cold_answers import ColdAnswers
from ryorin.adapters.postgres.committed_changes import PostgresCacheStages, PostgresCommittedChanges
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.semantic import PostgresSemanticStore
from ryorin.bootstrap.settings import MEGABYTE, Settings
from ryorin.bootstrap.wiring.features import Features
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.bootstrap.wiring.gateway import Gateway
from ryorin.bootstrap.wiring.routing import Routing
from ryorin.contexts.answers.accounting import Price
from ryorin.contexts.answers.module import (
    ExtractiveAnswerer,
    ProvenanceQueries,
    SharedAnswers,
    query_handlers,
)
from ryorin.contexts.answers.provenance import GetProvenance, ListAnswersUsing
from ryorin.contexts.answers.queries import EXPERTS, AnswerQuestion, ListModels, ModelView
from ryorin.contexts.answers.tasks import SummariseText, TranslateText
from ryorin.contexts.knowledge.module import analyse, split_sentences
from ryorin.contexts.prompts.events import EVENTS as PROMPT_EVENTS
from ryorin.contexts.prompts.queries import PROMPTS_MODEL
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Actor, OrgId, Query
from ryorin.processes.answer_layers import AnswerLayers, CacheDefaults
from ryorin.processes.answer_question import AnswerQuestionProcess
from ryorin.processes.expert_panel import ExpertPanel
from ryorin.processes.freshness_check import FreshnessCheck
from ryorin.processes.keep_answers_fresh import FOLLOWED
from ryorin.processes.make_answer import AnswerMaker
from ryorin.processes.prepared_questions import PreparedQuestions
from ryorin.processes.semantic_hits import Embed, SemanticHits
from ryorin.processes.shared_flights import SharedFlights
from ryorin.processes.text_tasks import TextTasks


def cold_answers(settings: Settings, base: Foundation) -> ColdAnswers | None:
    """The cold tier of L2, if answers may become cold."""
    if settings.cache.cold_after_seconds is None:
        return None
    try:
        from ryorin.adapters.objects.store import Objects, open_store  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise InvalidInput("RYORIN_CACHE__COLD_AFTER_SECONDS needs `pip install 'ryorin[scale]'`") from error
    store = open_store(
        settings.objects.url or (settings.data_dir / "objects").absolute().as_uri(), settings.objects.endpoint
    )
    return ColdAnswers(base.pool, Objects(store, CircuitBreaker(base.clock)), settings.cache.cold_after_seconds)


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers whole, who answers in parts, and what has to be closed in the end."""

    handlers: dict[type[Query[Any]], Callable[[Any, Actor], Any]]
    streams: dict[type[Query[Any]], Callable[[Any, Actor], Any]]
    process: AnswerQuestionProcess


def answer_handlers(
    base: Foundation,
    settings: Settings,
    gateway: Gateway,
    routing: Routing,
    features: Features,
    bus: Callable[[], QueryBus],
    ledger: PostgresCacheLedger,
    semantic: PostgresSemanticStore,
    embed: Embed,
    shared: SharedAnswers | None,
    *,
    serves: bool,
) -> Answering:
    """The dispatch tables of the answers context, and the process to close; `serves`: for others than ourselves."""
    check = FreshnessCheck(PostgresCommittedChanges(base.pool, FOLLOWED), base.positions)
    room = int(settings.cache.l1_megabytes * MEGABYTE)
    hot = MemoryHotAnswers(room, settings.cache.l1_ttl_seconds, check.checked_at)
    base.notifications.subscribe(Channel.EVICTIONS, hot.told)
    base.notifications.on_connection(hot.connection)
    audiences = PostgresAudiences(base.pool)
    base.notifications.subscribe(Channel.EVICTIONS, audiences.told)
    base.notifications.on_connection(audiences.connection)
    flights = PostgresAnswerFlights(base.pool, base.ids.new)
    base.notifications.subscribe(Channel.FLIGHTS, flights.told)
    base.notifications.on_connection(flights.connection)
    if serves:
        base.notifications.declare(flights.declare())
    extractive = ExtractiveAnswerer(split_sentences, analyse)
    maker = AnswerMaker(gateway.directory, extractive, base.positions, base.clock, base.ids)
    layers = AnswerLayers(
        hot,
        PostgresAnswerStore(base.pool, cold_answers(settings, base)),
        check,
        PostgresCacheStages(base.pool),
        audiences,
        CacheDefaults(
            settings.cache.ttl_seconds,
            settings.cache.max_answer_bytes,
            settings.cache.semantic,
            settings.cache.semantic_bound,
            settings.cache.refusals,
        ),
        random.random,
        shared,
    )
    paraphrases = SemanticHits(semantic, embed, analyse, base.ids, random.random)
    tasks = TextTasks(gateway.directory, bus)
    panel = ExpertPanel(maker, bus, routing.ports.vectors.embed)
    process = AnswerQuestionProcess(
        maker, layers, SharedFlights(flights), paraphrases, bus, base.telemetry, ledger.note, panel
    )
    moves = PostgresCommittedChanges(base.pool, [event.type for event in PROMPT_EVENTS], "prompt")
    questions = PreparedQuestions(
        process,
        bus,
        FreshnessCheck(moves, base.positions, PROMPTS_MODEL),
        features.remembering.memory(gateway.directory, settings.default_model),
        features.observing.watching,
        settings.default_model,
    )
    provenance = ProvenanceQueries(PostgresAnswerLedger(base.pool))

    async def prices(org_id: OrgId) -> Mapping[str, Price]:
        return {
            alias: Price(table.input, table.output) for alias, table in (await gateway.directory.prices(org_id)).items()
        }

    async def list_models(query: ListModels, actor: Actor) -> tuple[ModelView, ...]:
        views = await gateway.directory.listed(query, actor)
        known = await routing.ports.routings.experts(actor.org_id)
        return (*views, ModelView(EXPERTS, "experts", "ryorin")) if known else views

    handlers: dict[type[Query[Any]], Callable[[Any, Actor], Any]] = {
        AnswerQuestion: questions.answer,
        ListModels: list_models,
        SummariseText: tasks.summarise,
        TranslateText: tasks.translate,
        GetProvenance: provenance.provenance,
        ListAnswersUsing: provenance.using,
        **query_handlers(ledger, prices, semantic, settings.cache.semantic_bound),
    }
    streams: dict[type[Query[Any]], Callable[[Any, Actor], Any]] = {
        AnswerQuestion: questions.stream,
        SummariseText: tasks.stream_summary,
        TranslateText: tasks.stream_translation,
    }
    return Answering(handlers, streams, process)
