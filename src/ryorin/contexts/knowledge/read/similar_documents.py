"""Query: which documents are nearest to one?"""

from __future__ import annotations

from ryorin.contexts.knowledge.errors import DocumentNotFound
from ryorin.contexts.knowledge.queries import FindSimilarDocuments, SimilarDocument
from ryorin.contexts.knowledge.read.ports import ChunkIndex, DocumentKey
from ryorin.kernel.messages import Actor


class FindSimilarDocumentsHandler:
    """Compares the mean vectors of documents' chunks."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index

    async def __call__(self, query: FindSimilarDocuments, actor: Actor) -> tuple[SimilarDocument, ...]:
        key = DocumentKey(actor.org_id, query.collection, query.document)
        found = await self._index.similar_documents(key, query.limit)
        if found is None:
            raise DocumentNotFound(f"there is no document {query.document!r} in {query.collection!r}")
        return found
