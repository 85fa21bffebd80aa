"""What the read side of knowledge needs from outside: read models to ask and rows to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.lexical import LexicalVector, TermStatistics
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms
from ryorin.contexts.knowledge.events import DocumentVersionIndexed
from ryorin.contexts.knowledge.queries import (
    Candidate,
    CollectionView,
    DocumentText,
    DocumentView,
    Page,
    SearchFilter,
    SimilarDocument,
    TagCount,
    VersionView,
)
from ryorin.kernel.messages import OrgId


@dataclass(frozen=True, slots=True)
class CollectionKey:
    """A collection within its organisation."""

    org_id: OrgId
    collection: str


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """A document within its organisation and collection."""

    org_id: OrgId
    collection: str
    document: str

    @property
    def parent(self) -> CollectionKey:
        """The collection that holds the document."""
        return CollectionKey(self.org_id, self.collection)


class DocumentRows(Protocol):
    """Rows of the documents read model, inside a projection's transaction."""

    async def put_collection(self, key: CollectionKey, incarnation: int, description: str, at: datetime) -> None: ...

    async def drop_collection(self, key: CollectionKey) -> None: ...

    async def incarnation(self, key: CollectionKey) -> int | None:
        """Which incarnation of the collection exists; None when there is none."""
        ...

    async def put_version(self, key: DocumentKey, event: DocumentVersionIndexed, at: datetime) -> None: ...

    async def put_failure(self, key: DocumentKey, reason: str, filename: str, at: datetime) -> None: ...

    async def describe(
        self, key: DocumentKey, title: str, metadata: Mapping[str, str], filename: str, at: datetime
    ) -> None: ...

    async def put_tags(self, key: DocumentKey, tags: Sequence[str], at: datetime) -> None: ...

    async def delete(self, key: DocumentKey, at: datetime) -> None: ...


class SearchRows(Protocol):
    """Rows of the search index, inside a projection's transaction."""

    async def put_collection(self, key: CollectionKey, incarnation: int) -> None: ...

    async def drop_collection(self, key: CollectionKey) -> None: ...

    async def incarnation(self, key: CollectionKey) -> int | None: ...

    async def put_versions(self, versions: Sequence[tuple[DocumentKey, DocumentVersionIndexed]]) -> None:
        """Copy chunks and vectors of the versions into the index and make them current, in order."""
        ...

    async def describe(self, key: DocumentKey, title: str, metadata: Mapping[str, str]) -> None: ...

    async def put_tags(self, key: DocumentKey, tags: Sequence[str]) -> None: ...

    async def delete(self, key: DocumentKey) -> None: ...


class DocumentReadModel(Protocol):
    """Questions about collections and documents; None where there is nothing."""

    async def collections(self, org_id: OrgId) -> tuple[CollectionView, ...]: ...

    async def collection(self, key: CollectionKey) -> CollectionView | None: ...

    async def page(self, key: CollectionKey, which: SearchFilter, after: str | None, limit: int) -> Page: ...

    async def document(self, key: DocumentKey) -> DocumentView | None: ...

    async def versions(self, key: DocumentKey) -> tuple[VersionView, ...]: ...

    async def text(self, key: DocumentKey, version: int | None) -> DocumentText | None: ...

    async def tags(self, key: CollectionKey, prefix: str) -> tuple[TagCount, ...]: ...


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as stage 2 shows it: of a current version, readable, passing the filter."""

    chunk_id: int
    document: str
    version: int
    title: str
    heading_path: tuple[str, ...]
    ordinal: int
    text: str
    start_byte: int
    end_byte: int
    tags: tuple[str, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IndexState:
    """What a search meets: chunks that pass its filter, current ones of the collection, rows of the whole index."""

    exists: bool
    matching_chunks: int
    live_chunks: int
    total_chunks: int
    lexicon_epoch: int


@dataclass(frozen=True, slots=True)
class RerankQuestion:
    """A question with the weights of its terms."""

    text: str
    terms: QuestionTerms


class Reranker(Protocol):
    """Judges candidates one by one, better than lists can."""

    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        """How well each candidate answers the question, 0-1; must not depend on the other candidates.

        Raises Unavailable.
        """
        ...


class ChunkIndex(Protocol):
    """The two-stage search: cheap ranked lists first, then one enrichment query."""

    async def state(self, key: CollectionKey, which: SearchFilter) -> IndexState: ...

    async def nearest(
        self, key: CollectionKey, which: SearchFilter, vectors: NDArray[np.float32], fetch: int, limit: int
    ) -> tuple[tuple[Candidate, ...] | None, ...]:
        """Both stages, in parallel for each vector (n, dimensions): the `fetch` nearest of the whole index by
        pure HNSW, then of these the first `limit` that are current, readable and pass the filter.

        None stands for a search that failed; raises Unavailable when the first one did, the question's own.
        """
        ...

    async def nearest_filtered(
        self, key: CollectionKey, which: SearchFilter, vector: NDArray[np.float32], limit: int, exact: bool
    ) -> tuple[Candidate, ...]:
        """Filtered search of one vector: iterative HNSW scan, or exact when asked."""
        ...

    async def lexical(
        self,
        key: CollectionKey,
        which: SearchFilter,
        query: LexicalVector,
        candidates: Sequence[int],
        limit: int,
    ) -> tuple[Candidate, ...]:
        """BM25 over current chunks that hold any of the `candidates` term ids."""
        ...

    async def rows(self, key: CollectionKey, chunk_ids: Sequence[int]) -> Mapping[int, ChunkRow]:
        """What is shown of the chunks that made it to the end; one that just went away is left out."""
        ...

    async def term_statistics(self, key: CollectionKey, term_ids: Sequence[int]) -> TermStatistics:
        """Document frequencies of the terms in the collection's present lexicon epoch."""
        ...

    async def similar_documents(self, key: DocumentKey, limit: int) -> tuple[SimilarDocument, ...] | None:
        """Documents by cosine of mean chunk vectors; None when the document is not there."""
        ...
