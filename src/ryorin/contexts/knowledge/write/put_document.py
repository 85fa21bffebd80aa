"""Use case: make a content the current one of a document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ryorin.contexts.knowledge.commands import DocumentChanged, PutDocument
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet, chunk_set_id
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.domain.document import Description, Document, IndexedContent
from ryorin.contexts.knowledge.write.embedder import PassageEmbedder, embedder_of
from ryorin.contexts.knowledge.write.ports import BlobStore, ChunkStore, DocumentParser, VectorIndexes
from ryorin.contexts.knowledge.write.reading import PIPELINE, chunk_set_of, indexed
from ryorin.kernel.errors import ConcurrencyConflict, RyorinError
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import EventStore, UnitOfWork

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

    async def prepare(self, command: PutDocument, run: Run, content: bytes | None = None) -> Prepared:
        """Store chunks and vectors of the content, unless it needs no work; it is stored, or given."""
        org_id = run.actor.org_id
        collection = await glance(self._events, Collection(org_id, command.collection))
        document = await glance(
            self._events, Document(org_id, command.collection, collection.incarnation, command.document)
        )
        live = collection.exists and (document.serves(command.content_hash) or document.outdated(run.record.sequence))
        if live:
            return Prepared(content=None)
        chunk_set = await self._chunk_set(command, run, content)
        # an index that is being filled needs this content's vectors too
        names = {collection.spec.embedding, *await self._indexes.building(org_id, command.collection)}
        embedded = 0
        for name in sorted(names):
            embedded += await embedder_of(self._embedders, name).embed(
                org_id, chunk_set.passages(), lambda done, total: run.report("embedding", done, total)
            )
        await self._chunks.save(org_id, [chunk_set])
        return Prepared(indexed(chunk_set, command.content_hash, command.size_bytes), embedded)

    async def _chunk_set(self, command: PutDocument, run: Run, content: bytes | None) -> ChunkSet:
        org_id = run.actor.org_id
        key = chunk_set_id(command.content_hash, command.filename, command.media_type, command.title, PIPELINE)
        stored = await self._chunks.get(org_id, [key])
        if key in stored:
            return stored[key]
        if content is None:
            content = await self._blobs.get(org_id, command.content_hash)
        run.report("parsing", 0, 1)
        async with self._parses:
            return await asyncio.to_thread(
                chunk_set_of, self._parser, key, content, command.filename, command.media_type, command.title
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
        elif document.outdated(sequence):
            outcome = "superseded"
        elif not document.serves(command.content_hash):
            # it was served when this began: what was accepted before has taken it out meanwhile
            raise ConcurrencyConflict(f"document {command.document!r} changed while it was looked at; try again")
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
