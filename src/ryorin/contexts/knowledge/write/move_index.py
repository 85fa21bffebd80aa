"""Use case: keep a collection's vectors in another store or by another embedding model (ADR-0009)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection as Names
from collections.abc import Mapping
from dataclasses import dataclass

from ryorin.contexts.knowledge.commands import IndexChanged, MoveIndex
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.write.embedder import PassageEmbedder
from ryorin.contexts.knowledge.write.ports import ChunkStore, NewIndex, VectorIndexes
from ryorin.kernel.errors import InvalidInput, RyorinError, Unavailable
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import EventStore, UnitOfWork

# documents whose passages are embedded together
DOCUMENTS = 32
LOOK_SECONDS = 0.2
# without any progress for so long, the store is given up; the command is tried again later
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Filled:
    """The index that is ready to serve, None when the collection is there already."""

    index: NewIndex | None
    embedded: int = 0


class MoveIndexHandler(CommandHandler[MoveIndex, Filled]):
    """Fills the new index beside the serving one; deciding makes it the serving one."""

    def __init__(
        self,
        events: EventStore,
        chunks: ChunkStore,
        indexes: VectorIndexes,
        embedders: Mapping[str, PassageEmbedder],
        stores: Names[str],
    ) -> None:
        self._events = events
        self._chunks = chunks
        self._indexes = indexes
        self._embedders = embedders
        self._stores = stores

    async def prepare(self, command: MoveIndex, run: Run) -> Filled:
        """Embed what has no vector of the new model yet, and wait until the store has all of it."""
        self._check(command)
        collection = await glance(self._events, Collection(run.actor.org_id, command.collection))
        collection.require()
        if collection.spec == command.spec:
            return Filled(None)
        index = self._index(command, run)
        await self._indexes.begin(index)
        embedded = await self._embed(index, run)
        await self._fill(index, run)
        return Filled(index, embedded)

    def _check(self, command: MoveIndex) -> None:
        spec = command.spec
        if spec.embedding not in self._embedders:
            known = ", ".join(sorted(self._embedders))
            raise InvalidInput(f"there is no embedding {spec.embedding!r}; there are {known} (RYORIN_EMBEDDINGS__)")
        if spec.store not in self._stores:
            known = ", ".join(sorted(self._stores))
            raise InvalidInput(f"the store {spec.store!r} is not installed; there are {known}")

    def _index(self, command: MoveIndex, run: Run) -> NewIndex:
        embedder = self._embedders[command.spec.embedding]
        return NewIndex(
            org_id=run.actor.org_id,
            collection=command.collection,
            # the command's own id: a second attempt goes on filling what the first one began
            index_id=None if command.spec.shared else run.record.envelope.id.hex,
            spec=command.spec,
            model_id=embedder.model_id,
            dimensions=embedder.dimensions,
        )

    async def _embed(self, index: NewIndex, run: Run) -> int:
        embedder, embedded = self._embedders[index.spec.embedding], 0
        while lacking := await self._indexes.lacking(index, DOCUMENTS):
            chunk_sets = await self._chunks.get(index.org_id, lacking)
            if lost := set(lacking) - set(chunk_sets):
                raise Unavailable(f"chunk set {min(lost)} is not stored")
            for chunk_set in chunk_sets.values():
                embedded += await embedder.embed(index.org_id, chunk_set.passages(), lambda done, total: None)
            run.report("embedding", embedded, embedded)
        return embedded

    async def _fill(self, index: NewIndex, run: Run) -> None:
        loop = asyncio.get_running_loop()
        most, least, since = 0, -1, loop.time()
        while True:
            pending = await self._indexes.enrol(index)
            if not pending and await self._indexes.ready(index):
                return
            most = max(most, pending)
            run.report("filling", most - pending, most)
            if pending != least:
                least, since = pending, loop.time()
            elif loop.time() - since > PATIENCE_SECONDS:
                raise Unavailable(f"the store {index.spec.store!r} took no vectors for {PATIENCE_SECONDS:g} s")
            await asyncio.sleep(LOOK_SECONDS)

    async def decide(self, command: MoveIndex, prepared: Filled, run: Run, work: UnitOfWork) -> IndexChanged:
        """Make the filled index the serving one."""
        index = prepared.index
        if index is None:
            return IndexChanged(command.collection, "unchanged", command.spec)
        collection = await work.load(Collection(run.actor.org_id, command.collection))
        collection.move(index.index_id, index.spec, index.model_id, index.dimensions)
        await work.save(collection)
        return IndexChanged(command.collection, "moved", command.spec, prepared.embedded)

    async def on_failure(self, command: MoveIndex, error: RyorinError, run: Run, work: UnitOfWork) -> None:
        """Drop what was filled."""
        if command.spec.embedding in self._embedders:
            await self._indexes.abandon(self._index(command, run))
