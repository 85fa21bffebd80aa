"""What an answer was made from, and what can be asked about that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import EVERYONE, Query, Readers, Scope

MAX_ID_CHARACTERS = 200
MAX_LISTED = 500

Verdict = Literal["valid", "invalidated", "expired", "ranking_changed", "behind"]


@dataclass(frozen=True, slots=True)
class ContextChunk:
    """A chunk that the answer was made from; `score` is what retrieval gave it (0-1)."""

    chunk_id: int
    document: str
    version: int
    ordinal: int
    score: float


@dataclass(frozen=True, slots=True)
class ProbeBound:
    """One search behind the context, and what a newcomer must have to enter its list of candidates.

    `must_beat` is a cosine for a dense list of `model_id` and a BM25 score for the lexical one; None while the list is
    not full, so that any newcomer enters it.
    """

    side: Literal["dense", "lexical"]
    variant: int
    model_id: str | None
    entries: int
    limit: int
    must_beat: float | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an answer depends on. `depth` is how much of the fused ranking decides about its context.

    `scopes` and `readers` are who asked: nobody who reads as others is given it.
    """

    context: tuple[ContextChunk, ...] = ()
    bounds: tuple[ProbeBound, ...] = ()
    depth: int = 0
    request: Mapping[str, object] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    readers: Readers = (EVERYONE,)


@dataclass(frozen=True, slots=True)
class ProvenanceView:
    """An answer's provenance and whether it is still valid; `reason` says why it is not."""

    id: str
    collection: str | None
    model: str
    verdict: Verdict
    reason: str | None
    as_of: str
    created_at: datetime
    expires_at: datetime
    invalidated_at: datetime | None
    lexicon_epoch: int | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class AnswerUse:
    """An answer that a document went into."""

    id: str
    document: str
    version: int
    model: str
    verdict: Verdict
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProvenance(Query[ProvenanceView]):
    """What was an answer made from, and why is it valid or no longer so? Raises NotFound."""

    name: ClassVar[str] = "answers.get_provenance"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = ("knowledge.search", "answers.freshness")

    id: str

    def needs(self) -> tuple[Scope, ...]:
        """It names documents: it is for who may read them."""
        return (self.scope, Scope.KNOWLEDGE_READ)

    def validate(self) -> None:
        if not 1 <= len(self.id) <= MAX_ID_CHARACTERS:
            raise InvalidInput(f"an answer's id has 1-{MAX_ID_CHARACTERS} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAnswersUsing(Query[tuple[AnswerUse, ...]]):
    """Which answers was a document used for? Newest first."""

    name: ClassVar[str] = "answers.list_answers_using"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = ("knowledge.search", "answers.freshness")

    collection: str
    document: str
    limit: int = 100

    def needs(self) -> tuple[Scope, ...]:
        """As for provenance."""
        return (self.scope, Scope.KNOWLEDGE_READ)

    def validate(self) -> None:
        if not self.collection or not self.document:
            raise InvalidInput("name a collection and a document")
        if not 1 <= self.limit <= MAX_LISTED:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_LISTED}")
