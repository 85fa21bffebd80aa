"""What processes use of answers: the answerers, the ports, and how questions are compared."""

from ryorin.contexts.answers.domain.cache_key import cache_key
from ryorin.contexts.answers.domain.extractive import Extract, ExtractiveAnswerer
from ryorin.contexts.answers.domain.grounding import grounded_messages
from ryorin.contexts.answers.domain.passages import Passage, cite, cited, context_digest
from ryorin.contexts.answers.read.flights import AnswerFlights, Flight, Heard
from ryorin.contexts.answers.read.ports import (
    AnswerRows,
    AnswerStore,
    CachedAnswer,
    ChatDelta,
    ChatModel,
    ChatRequest,
    HotAnswers,
    KeptAnswer,
)
from ryorin.contexts.answers.read.provenance import ProvenanceQueries

__all__ = [
    "AnswerFlights",
    "AnswerRows",
    "AnswerStore",
    "CachedAnswer",
    "ChatDelta",
    "ChatModel",
    "ChatRequest",
    "Extract",
    "ExtractiveAnswerer",
    "Flight",
    "Heard",
    "HotAnswers",
    "KeptAnswer",
    "Passage",
    "ProvenanceQueries",
    "cache_key",
    "cite",
    "cited",
    "context_digest",
    "grounded_messages",
]
