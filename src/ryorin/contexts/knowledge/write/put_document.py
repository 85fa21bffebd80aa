"""Use case: make a content the current one of a document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ryorin.contexts.knowledge.commands import DocumentChanged, PutDocument
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet, chunk_set_id
from ryorin.contexts.knowledge.domain.chunking import chunk_document
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.domain.document import Description, Document, IndexedContent
from ryorin.contexts.knowledge.errors import UnreadableDocument
from ryorin.contexts.knowledge.write.embedder import PassageEmbedder
from ryorin.contexts.knowledge.write.loading import glance
from ryorin.contexts.knowledge.write.ports import BlobStore, ChunkStore, DocumentParser, VectorIndexes
from ryorin.kernel.errors import RyorinError, Unavailable
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import EventStore, UnitOfWork

# raise it whenever parsing or chunking would make other chunks of the same file
PIPELINE = "parse-2/chunk-2"
# parsers are busy processes: more of them than cores only makes each slower
CONCURRENT_PARSES = 2


@dataclass(frozen=True, slots=True)
class Prepared:
    """What indexing left for the decision; None when the content is served already or outdated."""

    content: IndexedContent | None
    embedded: int = 0


class PutDocumentHandler(CommandHandler[PutDocument, Prepared]):
    """Parses, chunks and embeds what is new, then makes it current in one transaction."""

    def __init__(
        self,
        events: EventStore,
        blobs: BlobStore,
        parser: DocumentParser,
        chunks: ChunkStore,
        embedders: Mapping[str, PassageEmbedder],
        indexes: VectorIndexes,
    ) -> None:
        self._events = events
        self._blobs = blobs
        self._parser = parser
        self._chunks = chunks
        self._embedders = embedders
        self._indexes = indexes
        self._parses = asyncio.Semaphore(CONCURRENT_PARSES)

    async def prepare(self, command: PutDocument, run: Run) -> Prepared:
        """Store chunks and vectors of the content, unless it needs no work."""
        org_id = run.actor.org_id
        collection = await glance(self._events, Collection(org_id, command.collection))
        document = await glance(
            self._events, Document(org_id, command.collection, collection.incarnation, command.document)
        )
        live = collection.exists and (document.serves(command.content_hash) or document.outdated(run.record.sequence))
        if live:
            return Prepared(content=None)
        chunk_set = await self._chunk_set(command, run)
        # an index that is being filled needs this content's vectors too
        names = {collection.spec.embedding, *await self._indexes.building(org_id, command.collection)}
        embedded = 0
        for name in sorted(names):
            embedded += await self._embedder(name).embed(
                org_id, chunk_set.passages(), lambda done, total: run.report("embedding", done, total)
            )
        return Prepared(_indexed(command, chunk_set), embedded)

    def _embedder(self, name: str) -> PassageEmbedder:
        if name not in self._embedders:
            raise Unavailable(f"the embedding {name!r} is not configured any more (RYORIN_EMBEDDINGS__)")
        return self._embedders[name]

    async def _chunk_set(self, command: PutDocument, run: Run) -> ChunkSet:
        org_id = run.actor.org_id
        key = chunk_set_id(command.content_hash, command.filename, command.media_type, command.title, PIPELINE)
        stored = await self._chunks.get(org_id, key)
        if stored is not None:
            return stored
        content = await self._blobs.get(org_id, command.content_hash)
        run.report("parsing", 0, 1)
        async with self._parses:
            chunk_set = await asyncio.to_thread(self._read, key, content, command)
        await self._chunks.save(org_id, chunk_set)
        return chunk_set

    def _read(self, key: str, content: bytes, command: PutDocument) -> ChunkSet:
        parsed = self._parser.parse(content, command.filename, command.media_type)
        chunks = chunk_document(parsed)
        if not chunks:
            raise UnreadableDocument(f"{command.filename}: no text was found in the file")
        return ChunkSet(
            id=key,
            text=parsed.text,
            title=command.title or parsed.title or _stem(command.filename),
            media_type=parsed.media_type,
            language=parsed.language,
            chunks=tuple(chunks),
        )

    async def decide(self, command: PutDocument, prepared: Prepared, run: Run, work: UnitOfWork) -> DocumentChanged:
        """Append the version, or the new description of the one that is served."""
        org_id = run.actor.org_id
        collection = await work.load(Collection(org_id, command.collection))
        if prepared.content is not None and collection.create(description=""):
            await work.save(collection)
        document = await work.load(Document(org_id, command.collection, collection.incarnation, command.document))
        description = _description(command)
        sequence = run.record.sequence
        if prepared.content is not None:
            outcome = document.index(prepared.content, description, sequence)
        elif document.outdated(sequence) or not document.serves(command.content_hash):
            outcome = "superseded"
        else:
            outcome = document.describe(description)
        await work.save(document)
        current = document.current
        return DocumentChanged(
            command.collection,
            command.document,
            outcome,
            version=current.version if current else None,
            chunks=current.chunk_count if current else 0,
            embedded=prepared.embedded,
        )

    async def on_failure(self, command: PutDocument, error: RyorinError, run: Run, work: UnitOfWork) -> None:
        """Tell the document's history that this content was refused."""
        org_id = run.actor.org_id
        collection = await work.load(Collection(org_id, command.collection))
        if collection.create(description=""):
            await work.save(collection)
        document = await work.load(Document(org_id, command.collection, collection.incarnation, command.document))
        document.fail(command.content_hash, _description(command), error.code, error.detail)
        await work.save(document)


def _description(command: PutDocument) -> Description:
    return Description(command.filename, command.title, command.metadata, command.tags, command.readers)


def _stem(filename: str) -> str:
    return filename.rpartition("/")[2].rpartition(".")[0] or filename


def _indexed(command: PutDocument, chunk_set: ChunkSet) -> IndexedContent:
    return IndexedContent(
        content_hash=command.content_hash,
        size_bytes=command.size_bytes,
        media_type=chunk_set.media_type,
        language=chunk_set.language,
        parsed_title=chunk_set.title,
        chunk_set=chunk_set.id,
        chunk_count=len(chunk_set.chunks),
    )
