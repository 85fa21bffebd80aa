from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ryorin.adapters.memory.clock import StandingClock
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms
from ryorin.contexts.knowledge.read.ports import RerankQuestion
from ryorin.contexts.knowledge.read.rerank import Judge, RerankStage
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput, Unavailable

QUESTION = RerankQuestion("q", QuestionTerms.of("q", {}))
CANDIDATES = {7: Evidence("", "short", 0.1, None), 9: Evidence("", "a longer text", 0.2, None)}


class ByLength:
    """A reranker that likes long texts."""

    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        return [len(candidate.text) / 100 for candidate in candidates]


class Broken:
    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        raise Unavailable("down")


class Hanging:
    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        await asyncio.Event().wait()
        raise AssertionError


def stage(reranker: ByLength | Broken | Hanging, timeout: float = 5.0) -> tuple[RerankStage, CircuitBreaker]:
    breaker = CircuitBreaker(StandingClock(), failures=2)
    return RerankStage({"one": Judge(reranker, breaker, timeout)}, usual="one"), breaker


async def test_every_candidate_gets_its_score() -> None:
    judged = await stage(ByLength())[0].judged("one", QUESTION, CANDIDATES)

    assert judged == {7: 0.05, 9: 0.13}


async def test_a_reranker_that_fails_again_and_again_is_left_alone() -> None:
    reranking, breaker = stage(Broken())

    assert [await reranking.judged("one", QUESTION, CANDIDATES) for _ in range(3)] == [None, None, None]
    assert breaker.state == "open"


async def test_a_reranker_that_hangs_costs_its_timeout_only() -> None:
    reranking, breaker = stage(Hanging(), timeout=0.01)

    assert await reranking.judged("one", QUESTION, CANDIDATES) is None
    assert breaker.state == "closed"


async def test_a_caller_who_leaves_is_not_the_rerankers_failure() -> None:
    reranking, breaker = stage(Hanging())
    for _ in range(5):
        asked = asyncio.create_task(reranking.judged("one", QUESTION, CANDIDATES))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    assert breaker.state == "closed"


def test_names_are_known_or_refused() -> None:
    reranking, _ = stage(ByLength())

    assert (reranking.chosen(None), reranking.chosen("one"), reranking.chosen("none")) == ("one", "one", None)
    with pytest.raises(InvalidInput, match="there are none, one"):
        reranking.chosen("other")


async def test_a_collections_reranker_that_is_gone_has_failed() -> None:
    reranking, _ = stage(ByLength())

    assert (reranking.of_collection(None), reranking.of_collection("none")) == ("one", None)
    assert reranking.of_collection("removed") == "removed"
    assert await reranking.judged("removed", QUESTION, CANDIDATES) is None
