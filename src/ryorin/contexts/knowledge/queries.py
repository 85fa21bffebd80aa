"""What can be asked about knowledge, and the shapes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ryorin.contexts.knowledge.limits import check_id, check_metadata
from ryorin.contexts.knowledge.pipeline import Pipeline
from ryorin.contexts.knowledge.views import (
    CollectionView,
    DocumentText,
    DocumentView,
    Page,
    SimilarDocument,
    TagCount,
    VersionView,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import EVERYONE, Query, Readers, Scope
from ryorin.kernel.sharing import check_tag

DOCUMENTS_MODEL = "knowledge.documents"
SEARCH_MODEL = "knowledge.search"
MAX_TOP_K = 100
DEFAULT_TOP_K = 5
MAX_QUERY_CHARACTERS = 8_000
MAX_PAGE = 500
MAX_EMBED_TEXTS = 2048
MAX_EMBED_CHARACTERS = 32_000

SearchMode = Literal["fused", "vector", "lexical"]


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Only chunks of documents that have all these tags, metadata values, and one of these ids."""

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[str, ...] = ()

    def validate(self) -> None:
        """Raise InvalidInput for what no document can match."""
        check_metadata(self.metadata)
        for tag in self.tags:
            check_tag(tag)
        for document in self.documents:
            check_id("document", document)

    @property
    def empty(self) -> bool:
        """Whether the filter lets everything through."""
        return not (self.tags or self.metadata or self.documents)


@dataclass(frozen=True, slots=True)
class StageScores:
    """What each stage thought of a hit: cosine, BM25, ranks from 1, both fused (0-1), and the reranker (0-1)."""

    dense: float | None = None
    dense_rank: int | None = None
    lexical: float | None = None
    lexical_rank: int | None = None
    fused: float | None = None
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A chunk of a current version; offsets are UTF-8 bytes into the version's text."""

    chunk_id: int
    document: str
    version: int
    title: str
    heading_path: tuple[str, ...]
    ordinal: int
    text: str
    start_byte: int
    end_byte: int
    score: float
    scores: StageScores
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry of a ranked candidate list, kept to decide later whether a newcomer displaces it."""

    chunk_id: int
    document: str
    score: float


@dataclass(frozen=True, slots=True)
class ContextProbe:
    """What a search depended on, so that a later change can be judged (DESIGN.md section 1.5).

    `vector` is the dense probe, `term_ids`/`term_weights` the lexical one with the idf of
    `lexicon_epoch`. The lists hold all candidates before fusion; a list shorter than
    `list_limit` lets any newcomer in, a full one only what beats its last score. With a reranker,
    `pool` is how many of the fused ranking it saw: the context depends on all of these, in any order.
    `dense_weight` is the collection's own, `model_id` says what the vectors mean; only chunks that one of
    `readers` may read were met.
    """

    collection: str
    filter: SearchFilter
    top_k: int
    mode: SearchMode
    list_limit: int
    lexicon_epoch: int
    vectors: tuple[tuple[float, ...], ...]
    term_ids: tuple[int, ...]
    term_weights: tuple[float, ...]
    dense: tuple[tuple[Candidate, ...], ...]
    lexical: tuple[Candidate, ...]
    pool: int | None = None
    dense_weight: float | None = None
    model_id: str = ""
    readers: Readers = (EVERYONE,)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits in order; `stages` are durations in milliseconds, `plan` names how stage 1 found them.

    `reranked` holds what the reranker said of every chunk that it saw, `pipeline` what the collection had decided.
    """

    hits: tuple[SearchHit, ...]
    probe: ContextProbe
    plan: str
    stages: Mapping[str, float]
    degraded: tuple[str, ...] = ()
    reranked: Mapping[int, float] = field(default_factory=dict)
    pipeline: Pipeline = field(default_factory=Pipeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchChunks(Query[SearchResult]):
    """Which chunks of a collection answer a text best?

    `variants` are further wordings of it; `rerank` names a reranker or is "none". None for `top_k` and `rerank` takes
    what the collection has decided, or what is usual.
    """

    name: ClassVar[str] = "knowledge.search_chunks"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (SEARCH_MODEL,)

    collection: str
    text: str
    variants: tuple[str, ...] = ()
    top_k: int | None = None
    mode: SearchMode = "fused"
    filter: SearchFilter = field(default_factory=SearchFilter)
    rerank: str | None = None

    def validate(self) -> None:
        check_id("collection", self.collection)
        self.filter.validate()
        if self.top_k is not None and not 1 <= self.top_k <= MAX_TOP_K:
            raise InvalidInput(f"top_k is {self.top_k}; it must be 1-{MAX_TOP_K}")
        if len(self.variants) > 16:  # noqa: PLR2004 - each variant is one more parallel search
            raise InvalidInput(f"{len(self.variants)} variants were given; at most 16 are allowed")
        for text in (self.text, *self.variants):
            if not text.strip() or len(text) > MAX_QUERY_CHARACTERS or "\x00" in text:
                raise InvalidInput(f"a query must have 1-{MAX_QUERY_CHARACTERS} characters, not only blanks")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCollections(Query[tuple[CollectionView, ...]]):
    """Which collections are there?"""

    name: ClassVar[str] = "knowledge.list_collections"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    anywhere: ClassVar[bool] = True
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCollection(Query[CollectionView]):
    """What is a collection like? Raises NotFound."""

    name: ClassVar[str] = "knowledge.get_collection"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)

    collection: str

    def validate(self) -> None:
        check_id("collection", self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDocuments(Query[Page]):
    """Which documents does a collection hold? By tag, metadata or ids, in pages by id."""

    name: ClassVar[str] = "knowledge.list_documents"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)

    collection: str
    filter: SearchFilter = field(default_factory=SearchFilter)
    after: str | None = None
    limit: int = 100

    def validate(self) -> None:
        check_id("collection", self.collection)
        self.filter.validate()
        if self.after is not None:
            check_id("document", self.after)
        if not 1 <= self.limit <= MAX_PAGE:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_PAGE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDocument(Query[DocumentView]):
    """What is a document like now? Raises NotFound."""

    name: ClassVar[str] = "knowledge.get_document"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)

    collection: str
    document: str

    def validate(self) -> None:
        check_id("collection", self.collection)
        check_id("document", self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersions(Query[tuple[VersionView, ...]]):
    """Which versions has a document had, newest first? Raises NotFound."""

    name: ClassVar[str] = "knowledge.list_versions"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)

    collection: str
    document: str

    def validate(self) -> None:
        check_id("collection", self.collection)
        check_id("document", self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDocumentText(Query[DocumentText]):
    """What is the text of a version (None: the current one)? Raises NotFound."""

    name: ClassVar[str] = "knowledge.get_document_text"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)

    collection: str
    document: str
    version: int | None = None

    def validate(self) -> None:
        check_id("collection", self.collection)
        check_id("document", self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTags(Query[tuple[TagCount, ...]]):
    """Which tags are used in a collection, and how often? `prefix` searches them."""

    name: ClassVar[str] = "knowledge.list_tags"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (DOCUMENTS_MODEL,)

    collection: str
    prefix: str = ""

    def validate(self) -> None:
        check_id("collection", self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSimilarDocuments(Query[tuple[SimilarDocument, ...]]):
    """Which documents are nearest to one? Raises NotFound."""

    name: ClassVar[str] = "knowledge.find_similar_documents"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (SEARCH_MODEL,)

    collection: str
    document: str
    limit: int = 5

    def validate(self) -> None:
        check_id("collection", self.collection)
        check_id("document", self.document)
        if not 1 <= self.limit <= MAX_TOP_K:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_TOP_K}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMoreLikeThese(Query[tuple[SimilarDocument, ...]]):
    """Which documents are near some and far from others? Raises NotFound."""

    name: ClassVar[str] = "knowledge.find_more_like_these"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (SEARCH_MODEL,)

    collection: str
    like: tuple[str, ...]
    unlike: tuple[str, ...] = ()
    limit: int = 5

    def validate(self) -> None:
        check_id("collection", self.collection)
        if not self.like:
            raise InvalidInput("like names no document")
        for document in (*self.like, *self.unlike):
            check_id("document", document)
        if not 1 <= self.limit <= MAX_TOP_K:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_TOP_K}")


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of texts, L2-normalised, with the model that made them and the tokens it read."""

    model_id: str
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedTexts(Query[Embeddings]):
    """What are the vectors of these texts, as `query` or as `passage` of the embedding model?"""

    name: ClassVar[str] = "knowledge.embed_texts"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ

    texts: tuple[str, ...]
    kind: Literal["query", "passage"] = "passage"

    def validate(self) -> None:
        if not 1 <= len(self.texts) <= MAX_EMBED_TEXTS:
            raise InvalidInput(f"{len(self.texts)} texts were given; 1-{MAX_EMBED_TEXTS} are allowed")
        if any(not text or len(text) > MAX_EMBED_CHARACTERS or "\x00" in text for text in self.texts):
            raise InvalidInput(f"each text must have 1-{MAX_EMBED_CHARACTERS} characters and no NUL")


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A text by its place among those that were given, and how likely it answers the question (0-1)."""

    index: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankTexts(Query[tuple[JudgedText, ...]]):
    """Which of these texts answer a question best? Best first; `by` names a reranker, None the usual one."""

    name: ClassVar[str] = "knowledge.rerank_texts"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ

    query: str
    texts: tuple[str, ...]
    top_n: int | None = None
    by: str | None = None

    def validate(self) -> None:
        if not self.query.strip() or len(self.query) > MAX_EMBED_CHARACTERS or "\x00" in self.query:
            raise InvalidInput(f"the query must have 1-{MAX_EMBED_CHARACTERS} characters and no NUL")
        if not 1 <= len(self.texts) <= MAX_EMBED_TEXTS:
            raise InvalidInput(f"{len(self.texts)} documents were given; 1-{MAX_EMBED_TEXTS} are allowed")
        if any(not text.strip() or len(text) > MAX_EMBED_CHARACTERS or "\x00" in text for text in self.texts):
            raise InvalidInput(f"each document must have 1-{MAX_EMBED_CHARACTERS} characters and no NUL")
        if self.top_n is not None and self.top_n < 1:
            raise InvalidInput(f"top_n is {self.top_n}; it must be 1 or more")
