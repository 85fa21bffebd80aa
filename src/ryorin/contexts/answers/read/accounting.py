"""Queries about what the cache holds and saves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ryorin.contexts.answers.accounting import CacheReport, CountSelected, GetCacheReport, KeptAnswers, LayerUse, Price
from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.messages import Actor, OrgId

# answered by the model, or by nobody else: spent, not saved
SPENT = ("miss", "bypass")


class CacheLedger(Protocol):
    """Sizes and uses of the cache."""

    def note(self, org_id: OrgId, collection: str | None, answer: Answer) -> None:
        """Count an answer that was given; written down some seconds later."""
        ...

    async def kept(self, org_id: OrgId) -> Sequence[KeptAnswers]: ...

    async def uses(self, org_id: OrgId, days: int) -> Sequence[LayerUse]:
        """Uses with their tokens, without USD."""
        ...

    async def count(self, org_id: OrgId, selection: Selection) -> int:
        """How many answers are selected."""
        ...


Prices = Callable[[OrgId], Awaitable[Mapping[str, Price]]]


class CacheQueries:
    """One method per query; `prices` are those of an organisation's models by alias."""

    def __init__(self, ledger: CacheLedger, prices: Prices) -> None:
        self._ledger = ledger
        self._prices = prices

    async def report(self, query: GetCacheReport, actor: Actor) -> CacheReport:
        found = await self._ledger.uses(actor.org_id, query.days)
        prices = await self._prices(actor.org_id)
        uses = tuple(replace(use, usd=round(prices.get(use.model, Price()).of(use.usage), 6)) for use in found)
        saved = [use for use in uses if use.layer not in SPENT]
        spent = [use for use in uses if use.layer in SPENT]
        return CacheReport(
            query.days,
            tuple(await self._ledger.kept(actor.org_id)),
            uses,
            _tokens(saved),
            round(sum(use.usd for use in saved), 6),
            _tokens(spent),
            round(sum(use.usd for use in spent), 6),
        )

    async def count(self, query: CountSelected, actor: Actor) -> int:
        return await self._ledger.count(actor.org_id, query.selection)


def _tokens(uses: Sequence[LayerUse]) -> int:
    return sum(use.usage.prompt_tokens + use.usage.completion_tokens for use in uses)
