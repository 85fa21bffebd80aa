"""What the read side of knowledge needs from outside: read models to ask and rows to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.lexical import LexicalVector, TermStatistics
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms
from ryorin.contexts.knowledge.events import DocumentVersionFailed, DocumentVersionIndexed, IndexMoved
from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline, StoreName
from ryorin.contexts.knowledge.queries import Candidate, SearchFilter
from ryorin.contexts.knowledge.vector_store import Neighbour, VectorPlace
from ryorin.contexts.knowledge.views import (
    CollectionView,
    DocumentText,
    DocumentView,
    Page,
    SimilarDocument,
    TagCount,
    VersionView,
)
from ryorin.kernel.messages import Actor, OrgId, Readers


@dataclass(frozen=True, slots=True)
class CollectionKey:
    """A collection within its organisation, and as whom it is read (None: everything, as projections do)."""

    org_id: OrgId
    collection: str
    readers: Readers = None

    @staticmethod
    def of(actor: Actor, collection: str) -> CollectionKey:
        """What an actor may read of a collection."""
        return CollectionKey(actor.org_id, collection, actor.readers)


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """A document within its organisation and collection, and as whom it is read (None: in any case)."""

    org_id: OrgId
    collection: str
    document: str
    readers: Readers = None

    @staticmethod
    def of(actor: Actor, collection: str, document: str) -> DocumentKey:
        """A document, if the actor may read it."""
        return DocumentKey(actor.org_id, collection, document, actor.readers)

    @property
    def parent(self) -> CollectionKey:
        """The collection that holds the document."""
        return CollectionKey(self.org_id, self.collection)


class DocumentRows(Protocol):
    """Rows of the documents read model, inside a projection's transaction."""

    async def put_collection(self, key: CollectionKey, incarnation: int, description: str, at: datetime) -> None: ...

    async def drop_collection(self, key: CollectionKey) -> None: ...

    async def describe_collection(self, key: CollectionKey, description: str) -> None: ...

    async def configure(self, key: CollectionKey, pipeline: Pipeline) -> None: ...

    async def move_index(self, key: CollectionKey, spec: IndexSpec) -> None: ...

    async def incarnation(self, key: CollectionKey) -> int | None:
        """Which incarnation of the collection exists; None when there is none."""
        ...

    async def put_version(self, key: DocumentKey, event: DocumentVersionIndexed, at: datetime) -> None: ...

    async def put_failure(self, key: DocumentKey, event: DocumentVersionFailed, at: datetime) -> None: ...

    async def describe(
        self, key: DocumentKey, title: str, metadata: Mapping[str, str], filename: str, at: datetime
    ) -> None: ...

    async def put_tags(self, key: DocumentKey, tags: Sequence[str], at: datetime) -> None: ...

    async def put_readers(self, key: DocumentKey, readers: Sequence[str], at: datetime) -> None: ...

    async def delete(self, key: DocumentKey, at: datetime) -> None: ...

    async def erase(self, key: DocumentKey) -> None:
        """Forget the document with all its versions."""
        ...


class SearchRows(Protocol):
    """Rows of the search index, inside a projection's transaction."""

    async def put_collection(self, key: CollectionKey, incarnation: int) -> None: ...

    async def drop_collection(self, key: CollectionKey) -> None: ...

    async def configure(self, key: CollectionKey, pipeline: Pipeline) -> None: ...

    async def move_index(self, key: CollectionKey, event: IndexMoved) -> None:
        """Serve the collection from another index; what that one lacks is marked as pending."""
        ...

    async def incarnation(self, key: CollectionKey) -> int | None: ...

    async def put_versions(self, versions: Sequence[tuple[DocumentKey, DocumentVersionIndexed, datetime]]) -> None:
        """Copy chunks and vectors of the versions into the index and make them current, in order."""
        ...

    async def describe(self, key: DocumentKey, title: str, metadata: Mapping[str, str]) -> None: ...

    async def put_tags(self, key: DocumentKey, tags: Sequence[str]) -> None: ...

    async def put_readers(self, key: DocumentKey, readers: Sequence[str]) -> None: ...

    async def delete(self, key: DocumentKey) -> None: ...


class DocumentReadModel(Protocol):
    """Questions about collections and documents; None where there is nothing."""

    async def collections(self, org_id: OrgId, readers: Readers) -> tuple[CollectionView, ...]: ...

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
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ServingIndex:
    """A place of its own that a collection is served from; `model_id` names its vectors exactly."""

    index_id: str
    store: StoreName
    embedding: str
    model_id: str
    place: VectorPlace


@dataclass(frozen=True, slots=True)
class IndexState:
    """What a search meets: chunks that pass its filter, current ones of the collection, rows of the whole index.

    `serving` is None for the index that all collections share. `behind` tells that some of its vectors are not made.
    """

    exists: bool
    matching_chunks: int
    live_chunks: int
    total_chunks: int
    lexicon_epoch: int
    pipeline: Pipeline = field(default_factory=Pipeline)
    serving: ServingIndex | None = None
    behind: bool = False


class StoredChunks(Protocol):
    """What PostgreSQL knows of collections whose vectors lie in a place of their own."""

    async def current(
        self, key: CollectionKey, which: SearchFilter, found: Sequence[Sequence[Neighbour]]
    ) -> tuple[tuple[Candidate, ...], ...]:
        """Of each list the chunks that are current and pass the filter, best first."""
        ...

    async def pending(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vectors: NDArray[np.float32], limit: int
    ) -> tuple[tuple[tuple[Candidate, ...], ...], bool]:
        """The best for each vector of the chunks that the store does not have yet; whether some have no vector."""
        ...

    async def exact(
        self, key: CollectionKey, which: SearchFilter, serving: ServingIndex, vector: NDArray[np.float32], limit: int
    ) -> tuple[tuple[Candidate, ...], bool]:
        """The best of everything that passes, compared one by one; whether some chunks have no vector."""
        ...


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

    async def missing_documents(self, key: CollectionKey, documents: Sequence[str]) -> Sequence[str]:
        """Which of these documents are not there."""
        ...

    async def similar_documents(
        self, key: CollectionKey, like: Sequence[str], unlike: Sequence[str], limit: int
    ) -> tuple[SimilarDocument, ...]:
        """Documents by cosine of their mean chunk vector with that of some, less half of that of others."""
        ...
