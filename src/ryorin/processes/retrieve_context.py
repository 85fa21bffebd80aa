"""Searches a question at once and, when its further wordings come before the deadline, with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from ryorin.contexts.knowledge.expansion import ExpandQuery, Expansion, RetrieveContext, Retrieved
from ryorin.contexts.knowledge.queries import SearchResult
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import RyorinError, Unavailable
from ryorin.kernel.messages import Actor
from ryorin.kernel.together import ended
from ryorin.processes.expand_query import ExpandQueryProcess

logger = logging.getLogger(__name__)

# expansions that go on after their deadline to be kept for the next asker
MAX_LATE = 16


class RetrieveContextProcess:
    """Handler of `RetrieveContext`."""

    def __init__(self, expansion: ExpandQueryProcess, bus: Callable[[], QueryBus], deadline_seconds: float) -> None:
        self._expansion = expansion
        self._bus = bus
        self._deadline_seconds = deadline_seconds
        self._late: set[asyncio.Task[Expansion]] = set()

    async def __call__(self, query: RetrieveContext, actor: Actor) -> Retrieved:
        plain: SearchResult | None = None
        deadline = query.deadline_seconds
        if not query.expand:
            plain = await self._bus().ask(query.search, actor)
            if query.expand is False or not plain.pipeline.retrieve.expand:
                return Retrieved(plain, None)
            deadline = plain.pipeline.retrieve.deadline_seconds if deadline is None else deadline
        wanted = ExpandQuery(text=query.search.text, collection=query.search.collection)
        known = self._expansion.known(wanted, actor)
        if known is not None:
            return await self._with_variants(query, actor, known, plain)
        return await self._expanded(
            query, actor, wanted, plain, self._deadline_seconds if deadline is None else deadline
        )

    async def _expanded(
        self, query: RetrieveContext, actor: Actor, wanted: ExpandQuery, plain: SearchResult | None, deadline: float
    ) -> Retrieved:
        started = perf_counter()
        expanding = asyncio.create_task(self._expansion(wanted, actor))
        try:
            if plain is None:
                plain = await self._bus().ask(query.search, actor)
            left = max(0.0, deadline - (perf_counter() - started))
            await asyncio.wait({expanding}, timeout=left)
        except BaseException:
            expanding.cancel()
            raise
        waited = round((perf_counter() - started) * 1000, 3)
        if not expanding.done():
            self._keep(expanding)
            expansion = Expansion((), "none", {"all": f"nothing came within {deadline:g} s"})
            return _without(plain, expansion, waited, "expansion")
        try:
            expansion = expanding.result()
        except RyorinError as error:
            return _without(plain, Expansion((), "none", {"all": error.detail}), waited, "expansion")
        if not expansion.variants:
            # feedback that finds nothing is no failure
            part = "expansion" if expansion.left_out.keys() - {"feedback"} else None
            return _without(plain, expansion, waited, part)
        return await self._with_variants(query, actor, expansion, plain, waited)

    async def _with_variants(
        self,
        query: RetrieveContext,
        actor: Actor,
        expansion: Expansion,
        plain: SearchResult | None = None,
        waited: float = 0.0,
    ) -> Retrieved:
        search = replace(query.search, variants=(*query.search.variants, *expansion.variants))
        try:
            result = await self._bus().ask(search, actor)
        except Unavailable:
            if plain is None:
                plain = await self._bus().ask(query.search, actor)
            return _without(plain, expansion, waited, "variants")
        return Retrieved(replace(result, stages={**result.stages, "expand": waited}), expansion)

    def _keep(self, expanding: asyncio.Task[Expansion]) -> None:
        if len(self._late) >= MAX_LATE:
            expanding.cancel()
            return
        self._late.add(expanding)
        expanding.add_done_callback(self._ended)

    def _ended(self, late: asyncio.Task[Expansion]) -> None:
        self._late.discard(late)
        if not late.cancelled() and late.exception() is not None:
            logger.info("an expansion that came late failed: %s", late.exception())

    async def close(self) -> None:
        """End what is still being expanded."""
        await ended(*self._late)


def _without(plain: SearchResult, expansion: Expansion, waited: float, part: str | None) -> Retrieved:
    stages = {**plain.stages, "expand": waited}
    degraded = (*plain.degraded, part) if part else plain.degraded
    return Retrieved(replace(plain, stages=stages, degraded=degraded), expansion)
