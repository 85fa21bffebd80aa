"""Carries pending vectors to the stores that should have them, and takes those of gone chunks away (ADR-0009)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from ryorin.contexts.knowledge.vector_store import VectorStore
from ryorin.contexts.knowledge.write.embedder import PassageEmbedder
from ryorin.contexts.knowledge.write.ports import ChunkStore, Fed, VectorBacklog
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import Telemetry

logger = logging.getLogger(__name__)

BATCH = 500
IDLE_SECONDS = 0.25
# a store that does not answer is asked again after so long; its pending chunks are searched all the same
STORE_PAUSE_SECONDS = 5.0
# an active place is indexed anew after so many new vectors; the store itself may find that too few
OPTIMISE_AFTER = 10_000


class VectorFeeder:
    """One feeder works at a time, whichever process has the turn."""

    def __init__(
        self,
        backlog: VectorBacklog,
        stores: Mapping[str, VectorStore],
        embedders: Mapping[str, PassageEmbedder],
        chunks: ChunkStore,
        telemetry: Telemetry,
    ) -> None:
        self._backlog = backlog
        self._stores = stores
        self._embedders = embedders
        self._chunks = chunks
        self._telemetry = telemetry
        self._paused: dict[str, float] = {}
        self._since_optimised: dict[str, int] = {}

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            if not await self.feed():
                await asyncio.sleep(IDLE_SECONDS)

    async def feed(self) -> bool:
        """Give every index a batch; False when there was nothing to do."""
        busy = False
        async with self._backlog.turn() as indexes:
            for index in indexes:
                if self._paused.get(index.spec.store, 0.0) > asyncio.get_running_loop().time():
                    continue
                try:
                    busy |= await self._feed_one(index)
                except Unavailable as error:
                    logger.warning("the store %s is left alone for a while: %s", index.spec.store, error.detail)
                    self._telemetry.count("ryorin_vector_feed_errors_total", store=index.spec.store)
                    self._paused[index.spec.store] = asyncio.get_running_loop().time() + STORE_PAUSE_SECONDS
        return busy

    async def _feed_one(self, index: Fed) -> bool:
        if index.place is None:
            return await self._feed_shared(index)
        store = self._stores.get(index.spec.store)
        if store is None:
            raise Unavailable(f"the store {index.spec.store!r} is not configured any more")
        if index.state == "over":
            await store.drop(index.place)
            await self._backlog.drop(index)
            self._since_optimised.pop(index.place.name, None)
            return True
        if index.state == "retired":
            return False  # a search may still be between its stages
        return await self._carry(index, store)

    async def _carry(self, index: Fed, store: VectorStore) -> bool:
        assert index.place is not None
        if index.place.name not in self._since_optimised:
            # also an index of a new generation, which nobody has made yet
            await store.create(index.place)
            self._since_optimised[index.place.name] = 0
        if not index.waiting:
            await self._optimise(index, store, put=0, busy=False)
            return False
        pending = await self._backlog.pending(index, BATCH)
        if len(pending.chunk_ids):
            await store.put(index.place, pending.chunk_ids, pending.vectors)
            await self._backlog.stored(index, pending.chunk_ids)
        await self._embed(index, pending.lacking)
        gone = await self._backlog.gone(index, BATCH)
        if gone:
            await store.remove(index.place, gone)
            await self._backlog.forget(index, gone)
        busy = bool(len(pending.chunk_ids) or pending.lacking or gone)
        await self._optimise(index, store, len(pending.chunk_ids), busy)
        return busy

    async def _optimise(self, index: Fed, store: VectorStore, put: int, busy: bool) -> None:
        assert index.place is not None
        name = index.place.name
        since = self._since_optimised[name] = self._since_optimised.get(name, 0) + put
        if busy or (index.state == "active" and since < OPTIMISE_AFTER) or (index.state == "ready" and not since):
            return
        await store.optimise(index.place)
        self._since_optimised[name] = 0
        if index.state == "building":
            await self._backlog.set_ready(index)

    async def _feed_shared(self, index: Fed) -> bool:
        pending = await self._backlog.pending(index, BATCH)
        if len(pending.chunk_ids):
            await self._backlog.fill_shared(index, pending.chunk_ids)
        await self._embed(index, pending.lacking)
        gone = await self._backlog.gone(index, BATCH)
        if gone:
            await self._backlog.forget(index, gone)
        return bool(len(pending.chunk_ids) or pending.lacking or gone)

    async def _embed(self, index: Fed, lacking: Sequence[tuple[OrgId, str]]) -> None:
        """Vectors that were not made when their document came: the collection moved just then, or an old version came
        back."""
        embedder = self._embedders.get(index.spec.embedding)
        if lacking and embedder is None:
            raise Unavailable(f"the embedding {index.spec.embedding!r} is not configured any more")
        for org_id, name in lacking:
            for chunk_set in (await self._chunks.get(org_id, [name])).values():
                if embedder is not None:
                    await embedder.embed(org_id, chunk_set.passages(), lambda done, total: None)
