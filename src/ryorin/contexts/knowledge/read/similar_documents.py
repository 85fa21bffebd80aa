"""Queries: which documents are nearest to one, or near some and far from others?"""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.knowledge.errors import DocumentNotFound
from ryorin.contexts.knowledge.queries import FindMoreLikeThese, FindSimilarDocuments
from ryorin.contexts.knowledge.read.ports import ChunkIndex, CollectionKey
from ryorin.contexts.knowledge.views import SimilarDocument
from ryorin.kernel.messages import Actor


class SimilarDocuments:
    """Compares the mean vectors of documents' chunks."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index

    async def similar(self, query: FindSimilarDocuments, actor: Actor) -> tuple[SimilarDocument, ...]:
        """The nearest to one document."""
        key = CollectionKey.of(actor, query.collection)
        return await self._found(key, (query.document,), (), query.limit)

    async def more_like_these(self, query: FindMoreLikeThese, actor: Actor) -> tuple[SimilarDocument, ...]:
        """The nearest to the mean of some, less half of the mean of others (Rocchio, 1971)."""
        key = CollectionKey.of(actor, query.collection)
        return await self._found(key, query.like, query.unlike, query.limit)

    async def _found(
        self, key: CollectionKey, like: Sequence[str], unlike: Sequence[str], limit: int
    ) -> tuple[SimilarDocument, ...]:
        missing = await self._index.missing_documents(key, (*like, *unlike))
        if missing:
            raise DocumentNotFound(f"there is no document {missing[0]!r} in {key.collection!r}")
        return await self._index.similar_documents(key, like, unlike, limit)
