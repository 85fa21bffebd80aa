"""Builds knowledge: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from ryorin.contexts.knowledge import commands, queries
from ryorin.contexts.knowledge.domain.centring import centred
from ryorin.contexts.knowledge.domain.lexical import analyse
from ryorin.contexts.knowledge.domain.relevance import RelevanceModel
from ryorin.contexts.knowledge.domain.sentences import split_sentences
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.pipeline import DEFAULT_EMBEDDING
from ryorin.contexts.knowledge.read.document_queries import DocumentQueries
from ryorin.contexts.knowledge.read.embed_texts import EmbedTextsHandler
from ryorin.contexts.knowledge.read.ports import ChunkIndex, DocumentReadModel
from ryorin.contexts.knowledge.read.projections import DocumentsProjection, SearchProjection
from ryorin.contexts.knowledge.read.recall_probe import RecallProbe
from ryorin.contexts.knowledge.read.remembered_queries import RememberedQueries
from ryorin.contexts.knowledge.read.rerank import FeatureReranker, Judge, RerankStage
from ryorin.contexts.knowledge.read.rerank_texts import RerankTextsHandler
from ryorin.contexts.knowledge.read.search_chunks import SearchChunksHandler
from ryorin.contexts.knowledge.read.similar_documents import SimilarDocuments
from ryorin.contexts.knowledge.read.stored_vectors import Shelf, StoredVectors
from ryorin.contexts.knowledge.vector_store import VectorStore
from ryorin.contexts.knowledge.write.configure_collection import ConfigureCollectionHandler
from ryorin.contexts.knowledge.write.create_collection import CreateCollectionHandler, DescribeCollectionHandler
from ryorin.contexts.knowledge.write.delete_collection import DeleteCollectionHandler
from ryorin.contexts.knowledge.write.delete_document import DeleteDocumentHandler
from ryorin.contexts.knowledge.write.embedder import PassageEmbedder
from ryorin.contexts.knowledge.write.erase_document import EraseDocumentHandler
from ryorin.contexts.knowledge.write.feed_vectors import VectorFeeder
from ryorin.contexts.knowledge.write.fetch_document import FetchDocumentHandler
from ryorin.contexts.knowledge.write.move_index import MoveIndexHandler
from ryorin.contexts.knowledge.write.ports import BlobStore, ChunkStore, DocumentParser, Fetcher, VectorIndexes
from ryorin.contexts.knowledge.write.put_document import PutDocumentHandler
from ryorin.contexts.knowledge.write.put_records import PutRecordsHandler
from ryorin.contexts.knowledge.write.restore_document import RestoreDocumentHandler
from ryorin.contexts.knowledge.write.share_document import ShareDocumentHandler
from ryorin.contexts.knowledge.write.tag_document import TagDocumentHandler
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import EventStore, Telemetry

__all__ = [
    "BlobStore",
    "DocumentsProjection",
    "FeatureReranker",
    "Judge",
    "PassageEmbedder",
    "ReadPorts",
    "RecallProbe",
    "RelevanceModel",
    "RerankStage",
    "SearchProjection",
    "Shelf",
    "StoredVectors",
    "VectorFeeder",
    "VectorStore",
    "WritePorts",
    "analyse",
    "centred",
    "command_handlers",
    "query_handlers",
    "split_sentences",
]


@dataclass(frozen=True, slots=True)
class WritePorts:
    """What the write side is built from."""

    events: EventStore
    blobs: BlobStore
    parser: DocumentParser
    chunks: ChunkStore
    # by the name of the embedding
    embedders: Mapping[str, PassageEmbedder]
    indexes: VectorIndexes
    stores: Collection[str]
    rerankers: Collection[str]
    fetcher: Fetcher
    max_fetched_bytes: int


@dataclass(frozen=True, slots=True)
class ReadPorts:
    """What the read side is built from; `executor` is where queries are embedded, `spaces` are indexes' engines."""

    documents: DocumentReadModel
    index: ChunkIndex
    stored: StoredVectors
    engine: EmbeddingEngine
    spaces: Mapping[str, EmbeddingEngine]
    executor: Executor
    telemetry: Telemetry
    recall: RecallProbe
    rerank: RerankStage
    # of how many questions vectors are kept
    query_vectors: int


def command_handlers(ports: WritePorts) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    ingesting = (ports.events, ports.blobs, ports.parser, ports.chunks, ports.embedders, ports.indexes)
    put = PutDocumentHandler(*ingesting)
    return {
        commands.CreateCollection: CreateCollectionHandler(),
        commands.DescribeCollection: DescribeCollectionHandler(),
        commands.DeleteCollection: DeleteCollectionHandler(),
        commands.ConfigureCollection: ConfigureCollectionHandler(ports.rerankers),
        commands.MoveIndex: MoveIndexHandler(ports.events, ports.chunks, ports.indexes, ports.embedders, ports.stores),
        commands.PutDocument: put,
        commands.FetchDocument: FetchDocumentHandler(ports.fetcher, ports.blobs, put, ports.max_fetched_bytes),
        commands.PutRecords: PutRecordsHandler(*ingesting),
        commands.DeleteDocument: DeleteDocumentHandler(),
        commands.EraseDocument: EraseDocumentHandler(),
        commands.RestoreDocument: RestoreDocumentHandler(),
        commands.TagDocument: TagDocumentHandler(),
        commands.ShareDocument: ShareDocumentHandler(),
    }


def query_handlers(ports: ReadPorts) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    documents, similar = DocumentQueries(ports.documents), SimilarDocuments(ports.index)
    return {
        queries.ListCollections: documents.list_collections,
        queries.GetCollection: documents.get_collection,
        queries.ListDocuments: documents.list_documents,
        queries.GetDocument: documents.get_document,
        queries.ListVersions: documents.list_versions,
        queries.GetDocumentText: documents.get_document_text,
        queries.ListTags: documents.list_tags,
        queries.SearchChunks: SearchChunksHandler(
            ports.index,
            ports.stored,
            {name: RememberedQueries(space, ports.query_vectors) for name, space in ports.spaces.items()},
            ports.executor,
            ports.telemetry,
            ports.recall,
            ports.rerank,
        ),
        queries.FindSimilarDocuments: similar.similar,
        queries.FindMoreLikeThese: similar.more_like_these,
        queries.EmbedTexts: EmbedTextsHandler(ports.engine, ports.executor),
        queries.RerankTexts: RerankTextsHandler(ports.rerank, ports.spaces[DEFAULT_EMBEDDING], ports.executor),
    }
