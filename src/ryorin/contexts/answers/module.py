"""What processes use of answers: the answerers, the ports, and how questions are compared."""

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.answers import accounting, commands
from ryorin.contexts.answers.domain.cache_key import cache_key
from ryorin.contexts.answers.domain.chat_format import estimated_tokens
from ryorin.contexts.answers.domain.extractive import Extract, ExtractiveAnswerer
from ryorin.contexts.answers.domain.grounding import grounded_messages
from ryorin.contexts.answers.domain.guards import Differences, differences
from ryorin.contexts.answers.domain.passages import Passage, cite, cited, context_digest
from ryorin.contexts.answers.domain.verified import (
    Evidence,
    Likeness,
    Observation,
    explore_probability,
    likeness,
    upper_bound,
)
from ryorin.contexts.answers.read.accounting import CacheLedger, CacheQueries, Prices
from ryorin.contexts.answers.read.flights import AnswerFlights, Flight, Heard
from ryorin.contexts.answers.read.ports import (
    AnswerRows,
    AnswerStore,
    Audiences,
    CachedAnswer,
    ChatDelta,
    ChatModel,
    ChatModels,
    ChatRequest,
    HotAnswers,
    KeptAnswer,
    ObjectStore,
    RemainingLimits,
    Served,
    SharedAnswers,
)
from ryorin.contexts.answers.read.provenance import ProvenanceQueries
from ryorin.contexts.answers.read.semantic import GivenHits, KnownQuestion, Learned, SemanticQueries, SemanticStore
from ryorin.contexts.answers.semantic import GetSemanticReport, JudgeSemanticHit
from ryorin.contexts.answers.write.flush_answers import FlushAnswersHandler
from ryorin.contexts.answers.write.judge_hit import JudgeSemanticHitHandler
from ryorin.contexts.answers.write.warm_answers import AnswerWarmer, WarmAnswersHandler
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query

__all__ = [
    "AnswerFlights",
    "AnswerRows",
    "AnswerStore",
    "AnswerWarmer",
    "Audiences",
    "CachedAnswer",
    "ChatDelta",
    "ChatModel",
    "ChatModels",
    "ChatRequest",
    "Differences",
    "Evidence",
    "Extract",
    "ExtractiveAnswerer",
    "Flight",
    "GivenHits",
    "Heard",
    "HotAnswers",
    "KeptAnswer",
    "KnownQuestion",
    "Learned",
    "Likeness",
    "ObjectStore",
    "Observation",
    "Passage",
    "ProvenanceQueries",
    "RemainingLimits",
    "SemanticStore",
    "Served",
    "SharedAnswers",
    "cache_key",
    "cite",
    "cited",
    "command_handlers",
    "context_digest",
    "differences",
    "estimated_tokens",
    "explore_probability",
    "grounded_messages",
    "likeness",
    "query_handlers",
    "upper_bound",
]


def command_handlers(
    ledger: CacheLedger, semantic: SemanticStore, warmer: AnswerWarmer
) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.FlushAnswers: FlushAnswersHandler(ledger),
        commands.WarmAnswers: WarmAnswersHandler(warmer),
        JudgeSemanticHit: JudgeSemanticHitHandler(semantic),
    }


def query_handlers(
    ledger: CacheLedger, prices: Prices, semantic: SemanticStore, bound: float
) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table for what the cache holds and saves; `bound` is that of semantic hits."""
    cache = CacheQueries(ledger, prices)
    return {
        accounting.GetCacheReport: cache.report,
        accounting.CountSelected: cache.count,
        GetSemanticReport: SemanticQueries(semantic, bound).report,
    }
