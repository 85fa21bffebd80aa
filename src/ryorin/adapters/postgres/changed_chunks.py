"""The chunks of an indexed version as a search would meet them, for the freshness projection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.postgres.chunk_store import chunk_sets
from ryorin.adapters.postgres.pool import Pool, rows_of
from ryorin.adapters.postgres.vectors import parse_vector
from ryorin.contexts.knowledge.domain.chunk_set import text_hash
from ryorin.contexts.knowledge.domain.lexical import chunk_weights
from ryorin.contexts.knowledge.events import DocumentShared, DocumentVersionIndexed
from ryorin.contexts.knowledge.probe import Newcomer
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

VECTORS = """
SELECT model_id, passage_hash, vector::text AS vector FROM embeddings
WHERE org_id = %s AND model_id = ANY(%s) AND passage_hash = ANY(%s)
"""


class PostgresChangedChunks:
    """The `ChangedChunks` port of `processes/keep_answers_fresh.py`."""

    def __init__(self, pool: Pool, model_ids: Sequence[str]) -> None:
        self._pool = pool
        self._model_ids = list(model_ids)

    async def newcomers(self, org_id: OrgId, event: DocumentVersionIndexed | DocumentShared) -> Sequence[Newcomer]:
        """Vectors and terms of a version's chunks; none when it was erased since."""
        if not event.chunk_set:
            return ()
        async with self._pool.connection() as connection:
            chunk_set = (await chunk_sets(connection, org_id, [event.chunk_set])).get(event.chunk_set)
            if chunk_set is None:
                raise Unavailable(f"chunk set {event.chunk_set} of document {event.document!r} is not stored")
            hashes = [text_hash(passage) for passage in chunk_set.passages()]
            rows = await rows_of(connection, VECTORS, (org_id, self._model_ids, hashes))
        vectors: dict[str, dict[str, NDArray[np.float32]]] = {key: {} for key in hashes}
        for row in rows:
            vectors[row["passage_hash"]][row["model_id"]] = np.array(parse_vector(row["vector"]), dtype=np.float32)
        newcomers = []
        for chunk, key in zip(chunk_set.chunks, hashes, strict=True):
            terms = chunk_weights(chunk.text, " ".join(chunk.heading_path) or chunk_set.title)
            newcomers.append(
                Newcomer(
                    document=event.document,
                    vectors=vectors[key],
                    term_ids=terms.ids,
                    term_weights=terms.weights,
                    tags=frozenset(event.tags),
                    metadata=event.metadata,
                    readers=event.readers,
                )
            )
        return newcomers
