"""The rerank stage: judges the head of the fused ranking one by one, and puts up with a reranker that fails.

A candidate's judgement does not depend on the others, so a context changes only when the pool does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ryorin.contexts.knowledge.domain.relevance import Evidence, RelevanceModel, features
from ryorin.contexts.knowledge.read.ports import Reranker, RerankQuestion
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput, Unavailable

# what is judged: with 20 English nDCG@10 was .001 lower, with 10 .005 (ADR-0008)
POOL = 30
NO_RERANK = "none"


class FeatureReranker:
    """The `Reranker` port by a linear model over features: no download, a few milliseconds."""

    def __init__(self, model: RelevanceModel) -> None:
        self._model = model

    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        """Probabilities of relevance."""
        return [self._model.probability(features(question.terms, candidate)) for candidate in candidates]


@dataclass(frozen=True, slots=True)
class Judge:
    """A reranker with its circuit breaker, and how long it may take (seconds)."""

    reranker: Reranker
    breaker: CircuitBreaker
    timeout_seconds: float


class RerankStage:
    """Every reranker there is, by name, and the one that is taken when none is named."""

    def __init__(self, judges: Mapping[str, Judge], usual: str) -> None:
        self._judges = judges
        self._usual = usual
        self.chosen(usual)

    @property
    def names(self) -> frozenset[str]:
        """Every name that may be chosen."""
        return frozenset({NO_RERANK, *self._judges})

    def chosen(self, name: str | None) -> str | None:
        """The reranker to ask, None for none; raises InvalidInput for an unknown one."""
        name = self._usual if name is None else name
        if name == NO_RERANK:
            return None
        if name not in self._judges:
            known = ", ".join([NO_RERANK, *sorted(self._judges)])
            raise InvalidInput(f"there is no reranker {name!r}; there are {known}")
        return name

    def of_collection(self, name: str | None) -> str | None:
        """As `chosen`, for a name that was known when the collection took it: if it is gone now, it has failed."""
        return name if name is not None and name not in self.names else self.chosen(name)

    async def judged(
        self, name: str, question: RerankQuestion, candidates: Mapping[int, Evidence]
    ) -> Mapping[int, float] | None:
        """A score for every candidate; None when the reranker failed, was late, is gone or left alone."""
        judge = self._judges.get(name)
        if judge is None or not judge.breaker.allows():
            return None
        try:
            async with asyncio.timeout(judge.timeout_seconds):
                scores = await judge.reranker.scores(question, list(candidates.values()))
        except (Unavailable, TimeoutError):
            judge.breaker.failed()
            return None
        except BaseException:
            judge.breaker.abandoned()
            raise
        judge.breaker.succeeded()
        return dict(zip(candidates, scores, strict=True))
