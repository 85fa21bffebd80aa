"""Embeds passages once: batches across all running commands, and keeps every vector as soon as it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.chunk_set import text_hash
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.write.ports import EmbeddingStore
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

# large enough for the engine to be busy, small enough that a crash costs little (ADR-0004)
BATCH = 64
# how many waiting passages are looked at for a batch
WINDOW = 512

_Key = tuple[OrgId, str]


class PassageEmbedder:
    """One engine thread, fed by whoever ingests; equal passages in flight are computed once."""

    def __init__(self, engine: EmbeddingEngine, store: EmbeddingStore) -> None:
        self._engine = engine
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed-passages")
        self._in_flight: dict[_Key, asyncio.Future[None]] = {}
        self._waiting: dict[_Key, str] = {}
        self._consumer: asyncio.Task[None] | None = None

    @property
    def model_id(self) -> str:
        """The engine's."""
        return self._engine.model_id

    @property
    def dimensions(self) -> int:
        """The engine's."""
        return self._engine.dimensions

    async def embed(self, org_id: OrgId, passages: Sequence[str], progress: Callable[[int, int], None]) -> int:
        """Make sure that every passage has a vector; how many of them had none.

        `progress` is told how many of the missing ones are done. Raises what the engine or the
        store raised for the batch that held one of these passages.
        """
        texts = {text_hash(passage): passage for passage in passages}
        known = await self._store.known(org_id, self._engine.model_id, list(texts))
        missing = {(org_id, key): text for key, text in texts.items() if key not in known}
        futures = [self._request(key, text) for key, text in missing.items()]
        progress(0, len(futures))
        for done, future in enumerate(futures, start=1):
            await asyncio.shield(future)
            progress(done, len(futures))
        return len(futures)

    def close(self) -> None:
        """Stop taking work; what runs in the engine ends by itself."""
        if self._consumer is not None:
            self._consumer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _request(self, key: _Key, text: str) -> asyncio.Future[None]:
        if key not in self._in_flight:
            self._in_flight[key] = asyncio.get_running_loop().create_future()
            self._waiting[key] = text
        if self._consumer is None or self._consumer.done():
            self._consumer = asyncio.create_task(self._consume())
        return self._in_flight[key]

    async def _consume(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            # the engine is never idle for the database: a batch is saved while the next one is computed
            async with asyncio.TaskGroup() as saves:
                while self._waiting:
                    keys = self._next_batch()
                    texts = [self._waiting.pop(key) for key in keys]
                    try:
                        vectors = await loop.run_in_executor(self._thread, self._engine.embed_passages, texts)
                    except Exception as error:  # told to everyone who waits for this batch
                        self._settle(keys, error)
                    else:
                        saves.create_task(self._save(keys, vectors))

    def _next_batch(self) -> list[_Key]:
        """The one that waits longest, with those of its organisation that are most like it in length.

        Texts of one length waste nothing on padding: in the order of documents a quarter of the time was (ADR-0004).
        """
        org_id, _ = first = next(iter(self._waiting))
        length = len(self._waiting[first].encode())
        same = [key for key, _ in zip(self._waiting, range(WINDOW), strict=False) if key[0] == org_id]
        return sorted(same, key=lambda key: abs(len(self._waiting[key].encode()) - length))[:BATCH]

    async def _save(self, keys: Sequence[_Key], vectors: NDArray[np.float32]) -> None:
        try:
            await self._store.save(keys[0][0], self._engine.model_id, [key[1] for key in keys], vectors)
        except Exception as error:  # as above
            self._settle(keys, error)
        else:
            self._settle(keys, None)

    def _settle(self, keys: Sequence[_Key], error: Exception | None) -> None:
        for key in keys:
            future = self._in_flight.pop(key)
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                # whoever asked may be gone; the error must not be reported as never looked at
                future.exception()


def embedder_of(embedders: Mapping[str, PassageEmbedder], name: str) -> PassageEmbedder:
    """The embedder of a configured embedding; raises Unavailable when it is configured no more."""
    if name not in embedders:
        raise Unavailable(f"the embedding {name!r} is not configured any more (RYORIN_EMBEDDINGS__)")
    return embedders[name]
