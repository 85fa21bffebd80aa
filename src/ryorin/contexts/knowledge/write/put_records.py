"""Use case: make many short texts the current contents of as many documents, all in one transaction."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ryorin.contexts.knowledge.commands import PutRecords, RecordsChanged
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet, chunk_set_id
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.domain.document import Description, Document, IndexedContent
from ryorin.contexts.knowledge.records import Record, read_records
from ryorin.contexts.knowledge.write.embedder import PassageEmbedder, embedder_of
from ryorin.contexts.knowledge.write.ports import BlobStore, ChunkStore, DocumentParser, VectorIndexes
from ryorin.contexts.knowledge.write.reading import PIPELINE, chunk_set_of_record, indexed
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import EventStore, UnitOfWork


@dataclass(frozen=True, slots=True)
class PreparedRecords:
    """Records with their chunks, whose vectors are stored."""

    records: Sequence[tuple[Record, IndexedContent]]
    embedded: int


class PutRecordsHandler(CommandHandler[PutRecords, PreparedRecords]):
    """As `PutDocumentHandler`, with one batch of everything: passages, chunk sets, events."""

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

    async def prepare(self, command: PutRecords, run: Run) -> PreparedRecords:
        """Store chunks and vectors of all records that have none yet."""
        org_id = run.actor.org_id
        records = read_records(await self._blobs.get(org_id, command.content_hash))
        run.report("parsing", 0, len(records))
        sets = await self._chunk_sets(org_id, records)
        passages = [passage for chunk_set, _ in sets for passage in chunk_set.passages()]
        collection = await glance(self._events, Collection(org_id, command.collection))
        embedded = 0
        for name in sorted({collection.spec.embedding, *await self._indexes.building(org_id, command.collection)}):
            embedder = embedder_of(self._embedders, name)
            embedded += await embedder.embed(org_id, passages, lambda done, total: run.report("embedding", done, total))
        await self._chunks.save(org_id, [chunk_set for chunk_set, _ in sets])
        contents = [
            indexed(chunk_set, content_hash, len(record.text.encode()))
            for (chunk_set, content_hash), record in zip(sets, records, strict=True)
        ]
        return PreparedRecords(list(zip(records, contents, strict=True)), embedded)

    async def _chunk_sets(self, org_id: OrgId, records: Sequence[Record]) -> list[tuple[ChunkSet, str]]:
        hashes = [hashlib.sha256(one.text.encode()).hexdigest() for one in records]
        keys = [
            chunk_set_id(content_hash, "", one.media_type, one.title or one.id, PIPELINE)
            for one, content_hash in zip(records, hashes, strict=True)
        ]
        stored = await self._chunks.get(org_id, keys)
        fresh = await asyncio.to_thread(
            lambda: {
                key: chunk_set_of_record(self._parser, key, one)
                for key, one in zip(keys, records, strict=True)
                if key not in stored
            }
        )
        sets = {**stored, **fresh}
        return [(sets[key], content_hash) for key, content_hash in zip(keys, hashes, strict=True)]

    async def decide(
        self, command: PutRecords, prepared: PreparedRecords, run: Run, work: UnitOfWork
    ) -> RecordsChanged:
        """Append the version of every document, or the new description of one that is served already."""
        org_id, sequence = run.actor.org_id, run.record.sequence
        collection = await work.load(Collection(org_id, command.collection))
        if collection.create(description=""):
            await work.save(collection)
        documents = await work.load_all(
            [Document(org_id, command.collection, collection.incarnation, one.id) for one, _ in prepared.records]
        )
        outcomes = Counter[str](
            document.index(content, _description(one), sequence)
            for document, (one, content) in zip(documents, prepared.records, strict=True)
        )
        await work.save_all(documents)
        return RecordsChanged(
            command.collection,
            added=outcomes["added"],
            changed=outcomes["changed"],
            unchanged=outcomes["unchanged"],
            superseded=outcomes["superseded"],
            chunks=sum(content.chunk_count for _, content in prepared.records),
            embedded=prepared.embedded,
        )


def _description(record: Record) -> Description:
    return Description(record.id, record.title, record.metadata, record.tags, record.readers)
