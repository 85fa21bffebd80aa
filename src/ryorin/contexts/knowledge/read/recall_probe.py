"""Watches recall where it matters: a share of production searches is compared with exact search, off the hot path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.queries import SearchFilter
from ryorin.contexts.knowledge.read.dense_plan import DenseCandidates
from ryorin.contexts.knowledge.read.ports import ChunkIndex, CollectionKey
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.ports import Telemetry

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0


class RecallProbe:
    """Measures one search at a time, so that it can never pile up; searches that were exact need no measuring."""

    def __init__(self, index: ChunkIndex, telemetry: Telemetry, share: float, random: Callable[[], float]) -> None:
        self._index = index
        self._telemetry = telemetry
        self._share = share
        self._random = random
        self._running: asyncio.Task[None] | None = None

    def sample(
        self,
        key: CollectionKey,
        which: SearchFilter,
        vectors: NDArray[np.float32],
        found: DenseCandidates,
        top_k: int,
    ) -> None:
        """Perhaps measure this search; returns at once."""
        busy = self._running is not None and not self._running.done()
        if busy or not len(vectors) or found.plan == "exact" or self._random() >= self._share:
            return
        shown = frozenset(entry.chunk_id for entry in found.lists[0][:top_k])
        self._running = asyncio.create_task(self._measure(key, which, vectors[0], shown, found.plan, top_k))

    async def _measure(
        self,
        key: CollectionKey,
        which: SearchFilter,
        vector: NDArray[np.float32],
        shown: frozenset[int],
        plan: str,
        top_k: int,
    ) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                best = await self._index.nearest_filtered(key, which, vector, top_k, exact=True)
        except (TimeoutError, Unavailable) as error:
            logger.info("the recall of a search was not measured: %r", error)
            return
        if best:
            recall = sum(entry.chunk_id in shown for entry in best) / len(best)
            self._telemetry.observe("ryorin_search_recall_ratio", recall, plan=plan)

    async def close(self) -> None:
        """End what is still being measured."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
