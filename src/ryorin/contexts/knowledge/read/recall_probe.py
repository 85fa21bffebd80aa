"""Watches recall where it matters: a share of production searches is compared with exact search, off the hot path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.queries import Candidate
from ryorin.contexts.knowledge.read.dense_plan import DenseCandidates
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.ports import Telemetry
from ryorin.kernel.together import ended

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0
# exact searches need no measuring, and none is one of words alone
NOT_MEASURED = ("exact", "none")

ExactSearch = Callable[[NDArray[np.float32], int], Coroutine[Any, Any, Sequence[Candidate]]]


class RecallProbe:
    """Measures one search at a time, so that it can never pile up; searches that were exact need no measuring."""

    def __init__(self, telemetry: Telemetry, share: float, random: Callable[[], float]) -> None:
        self._telemetry = telemetry
        self._share = share
        self._random = random
        self._running: asyncio.Task[None] | None = None

    def sample(self, found: DenseCandidates, top_k: int, vectors: NDArray[np.float32], exact: ExactSearch) -> None:
        """Perhaps measure this search; returns at once."""
        busy = self._running is not None and not self._running.done()
        if busy or not len(vectors) or found.plan in NOT_MEASURED or self._random() >= self._share:
            return
        shown = frozenset(entry.chunk_id for entry in found.lists[0][:top_k])
        self._running = asyncio.create_task(self._measure(exact(vectors[0], top_k), shown, found.plan))

    async def _measure(
        self, search: Coroutine[Any, Any, Sequence[Candidate]], shown: frozenset[int], plan: str
    ) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                best = await search
        except (TimeoutError, Unavailable) as error:
            logger.info("the recall of a search was not measured: %r", error)
            return
        if best:
            recall = sum(entry.chunk_id in shown for entry in best) / len(best)
            self._telemetry.observe("ryorin_search_recall_ratio", recall, plan=plan)

    async def close(self) -> None:
        """End what is still being measured."""
        if self._running is not None:
            await ended(self._running)
