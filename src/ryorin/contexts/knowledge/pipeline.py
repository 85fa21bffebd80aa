"""What a collection may decide about itself: how it is searched and answered from, and where its vectors are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ryorin.kernel.errors import InvalidInput

StoreName = Literal["pgvector", "qdrant", "libsql"]
Storage = Literal["halfvec", "binary"]
Freshness = Literal["strict", "bounded", "ttl"]

DEFAULT_EMBEDDING = "default"
MAX_POOL = 100
# candidate lists of the usual length have three for each
MAX_ANSWER_TOP_K = 16
MAX_STALENESS_SECONDS = 86_400
# what was invalidated is kept for an hour
MAX_REVALIDATE_SECONDS = 3600
MAX_TTL_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True)
class RetrieveStage:
    """Whether questions are worded differently too, and how long that may take (seconds)."""

    expand: bool | None = None
    deadline_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FuseStage:
    """What vectors count against words: 0 for words alone, 1 for vectors alone."""

    dense_weight: float | None = None


@dataclass(frozen=True, slots=True)
class RerankStage:
    """Who judges how many of the first candidates anew; `by` is "features", an alias or "none".

    `freshness` is what the newest document of the pool gains over a very old one, in logits (0 to 10; None for
    nothing): the gain halves with every `half_life_days`.
    """

    by: str | None = None
    pool: int | None = None
    freshness: float | None = None
    half_life_days: float = 90.0


@dataclass(frozen=True, slots=True)
class AnswerStage:
    """From how many chunks answers are made where a request does not say."""

    top_k: int | None = None


@dataclass(frozen=True, slots=True)
class CacheStage:
    """How fresh a cached answer must be where a request does not say (ADR-0011); times in seconds.

    `semantic` allows answers to paraphrases, `semantic_bound` is the greatest share of questions that may be answered
    wrongly so (ADR-0014).
    """

    freshness: Freshness | None = None
    max_staleness_seconds: float | None = None
    stale_while_revalidate_seconds: float | None = None
    ttl_seconds: float | None = None
    semantic: bool | None = None
    semantic_bound: float | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a search in a collection; None leaves what the server does. A request's own wishes come first."""

    retrieve: RetrieveStage = field(default_factory=RetrieveStage)
    fuse: FuseStage = field(default_factory=FuseStage)
    rerank: RerankStage = field(default_factory=RerankStage)
    answer: AnswerStage = field(default_factory=AnswerStage)
    cache: CacheStage = field(default_factory=CacheStage)

    def validate(self) -> None:
        """Raise InvalidInput for a figure out of its bounds."""
        _within("retrieve.deadline_seconds", self.retrieve.deadline_seconds, 0, 10)
        _within("fuse.dense_weight", self.fuse.dense_weight, 0, 1)
        _within("rerank.pool", self.rerank.pool, 1, MAX_POOL)
        _within("rerank.freshness", self.rerank.freshness, 0, 10)
        _within("rerank.half_life_days", self.rerank.half_life_days, 0.01, 100_000)
        _within("answer.top_k", self.answer.top_k, 1, MAX_ANSWER_TOP_K)
        _within("cache.max_staleness_seconds", self.cache.max_staleness_seconds, 0, MAX_STALENESS_SECONDS)
        allowed = self.cache.stale_while_revalidate_seconds
        _within("cache.stale_while_revalidate_seconds", allowed, 0, MAX_REVALIDATE_SECONDS)
        _within("cache.semantic_bound", self.cache.semantic_bound, 0.0001, 0.5)
        _within("cache.ttl_seconds", self.cache.ttl_seconds, 1, MAX_TTL_SECONDS)


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidInput(f"{name} is {value:g}; it must be {low:g}-{high:g}")


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """Where and by which embedding a collection's vectors are kept; the default lies in the index that all share."""

    store: StoreName = "pgvector"
    embedding: str = DEFAULT_EMBEDDING
    storage: Storage = "halfvec"

    @property
    def shared(self) -> bool:
        """Whether this is the index that all collections share."""
        return self == IndexSpec()
