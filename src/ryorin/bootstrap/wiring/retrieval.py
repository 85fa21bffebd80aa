"""Wires retrieval with query expansion: the chain of expanders and the process that searches with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from ryorin.adapters.litellm.rerank import LiteLlmReranker
from ryorin.adapters.local.expansions import MemoryExpansions
from ryorin.adapters.local.relevance import shipped_relevance_model
from ryorin.adapters.openai_http.rerank import RerankEndpoint
from ryorin.adapters.ryorin_http.expansion import ExpansionService
from ryorin.bootstrap.settings import RerankerSettings, Settings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.answers.module import ChatModel
from ryorin.contexts.knowledge.expansion import ExpandQuery, RetrieveContext
from ryorin.contexts.knowledge.module import FeatureReranker, Judge, RerankStage
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Actor, Query
from ryorin.processes.expand_query import ExpandQueryProcess, Link
from ryorin.processes.expanders import FeedbackExpander, ModelExpander
from ryorin.processes.retrieve_context import RetrieveContextProcess


def retrieval_handlers(
    base: Foundation,
    settings: Settings,
    models: Mapping[str, ChatModel],
    client: httpx.AsyncClient,
    bus: Callable[[], QueryBus],
) -> tuple[dict[type[Query[Any]], Callable[[Any, Actor], Any]], RetrieveContextProcess]:
    """The dispatch table, and the process to close in the end."""
    expansion = ExpandQueryProcess(_links(base, settings, models, client, bus), MemoryExpansions(), base.telemetry)
    retrieval = RetrieveContextProcess(expansion, bus, settings.retrieval.expansion_deadline)
    return {ExpandQuery: expansion, RetrieveContext: retrieval}, retrieval


def _links(
    base: Foundation,
    settings: Settings,
    models: Mapping[str, ChatModel],
    client: httpx.AsyncClient,
    bus: Callable[[], QueryBus],
) -> list[Link]:
    chosen, links = settings.expansion, []
    if chosen.url is not None:
        key = chosen.api_key.get_secret_value() if chosen.api_key else None
        service = ExpansionService(chosen.url, key, chosen.timeout, client)
        links.append(Link("service", service, CircuitBreaker(base.clock)))
    if chosen.model is not None:
        if chosen.model not in models:
            known = ", ".join(sorted(models))
            raise InvalidInput(f"RYORIN_EXPANSION__MODEL is {chosen.model!r}; there are {known}")
        links.append(Link("model", ModelExpander(models[chosen.model], chosen.timeout), CircuitBreaker(base.clock)))
    if chosen.feedback:
        links.append(Link("feedback", FeedbackExpander(bus)))
    return links


# the features take a few milliseconds: it is never late, and never left alone
FEATURES = "features"
FEATURES_TIMEOUT_SECONDS = 5.0


def rerank_stage(base: Foundation, settings: Settings, client: httpx.AsyncClient) -> RerankStage:
    """The reranker that ships, and every configured one by alias; raises InvalidInput for an unknown default."""
    shipped = FeatureReranker(shipped_relevance_model())
    judges = {FEATURES: Judge(shipped, CircuitBreaker(base.clock), FEATURES_TIMEOUT_SECONDS)}
    for alias, chosen in settings.rerankers.items():
        judges[alias] = Judge(_reranker(chosen, client), CircuitBreaker(base.clock), chosen.timeout)
    return RerankStage(judges, settings.retrieval.rerank)


def _reranker(chosen: RerankerSettings, client: httpx.AsyncClient) -> RerankEndpoint | LiteLlmReranker:
    key = chosen.api_key.get_secret_value() if chosen.api_key else None
    if chosen.provider == "litellm":
        return LiteLlmReranker(chosen.model, chosen.base_url, key)
    # the settings are refused unless it is given
    assert chosen.base_url is not None
    return RerankEndpoint(chosen.base_url, chosen.model, key, client)
