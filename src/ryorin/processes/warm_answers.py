"""Answers popular questions again after documents changed, so that the next who ask do not wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ryorin.contexts.answers.commands import Warmed
from ryorin.contexts.answers.queries import AnswerQuestion, CacheOptions
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.handlers import Run
from ryorin.kernel.messages import Actor, OrgId, Readers, Scope
from ryorin.processes.freshness_check import FreshnessCheck

# each waits two seconds at most for invalidations that are behind
CHECKS = 30


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """A question and as whom it was asked."""

    query: AnswerQuestion
    readers: Readers


class PopularQuestions(Protocol):
    """Questions of answers that became invalid."""

    async def invalidated(self, org_id: OrgId, collection: str, limit: int) -> Sequence[AskedBefore]:
        """The most asked ones first."""
        ...


class WarmAnswersProcess:
    """The `AnswerWarmer` port; one question at a time, since people are asking too."""

    def __init__(self, questions: PopularQuestions, check: FreshnessCheck, bus: Callable[[], QueryBus]) -> None:
        self._questions = questions
        self._check = check
        self._bus = bus

    async def warm(self, org_id: OrgId, collection: str, limit: int, run: Run) -> Warmed:
        """Ask each as it was asked; one that cannot be answered costs only itself."""
        for _ in range(CHECKS):
            # what was just changed has invalidated what it touches
            if await self._check.up_to_date(org_id, collection):
                break
        found = await self._questions.invalidated(org_id, collection, limit)
        became = Counter[str]()
        for number, one in enumerate(found):
            run.report("warming", number, len(found))
            asker = Actor(org_id, "warming", frozenset({Scope.ANSWERS_READ, Scope.KNOWLEDGE_READ}), one.readers)
            # nothing stale is wanted here, and nothing that another question was given
            query = replace(one.query, cache=CacheOptions(freshness="strict", semantic=False))
            try:
                became[(await self._bus().ask(query, asker)).cache] += 1
            except RyorinError:
                became["failed"] += 1
        return Warmed(collection, len(found), became["miss"], became["revalidated"], became["failed"])
