"""Events to rows: what the documents read model and the search index copy from the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ryorin.contexts.knowledge.events import (
    CollectionConfigured,
    CollectionCreated,
    CollectionDeleted,
    CollectionDescribed,
    DocumentDeleted,
    DocumentDescribed,
    DocumentErased,
    DocumentShared,
    DocumentTagged,
    DocumentVersionFailed,
    DocumentVersionIndexed,
    IndexMoved,
)
from ryorin.contexts.knowledge.queries import DOCUMENTS_MODEL, SEARCH_MODEL
from ryorin.contexts.knowledge.read.ports import CollectionKey, DocumentKey, DocumentRows, SearchRows
from ryorin.kernel.events import RecordedEvent

INDEX_EVENTS = (
    CollectionCreated,
    CollectionDeleted,
    CollectionConfigured,
    IndexMoved,
    DocumentDescribed,
    DocumentTagged,
    DocumentShared,
    DocumentDeleted,
)


class DocumentsProjection:
    """Feeds the documents read model."""

    name = DOCUMENTS_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: DocumentRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            await self._apply_one(recorded, rows)

    async def _apply_one(self, recorded: RecordedEvent, rows: DocumentRows) -> None:
        org_id, at = recorded.stream.org_id, recorded.recorded_at
        match recorded.event:
            case CollectionCreated() as event:
                key = CollectionKey(org_id, event.collection)
                await rows.put_collection(key, event.incarnation, event.description, at)
            case CollectionDeleted() as event:
                await rows.drop_collection(CollectionKey(org_id, event.collection))
            case DocumentVersionIndexed() as event if not event.redacted:
                document = DocumentKey(org_id, event.collection, event.document)
                if await rows.incarnation(document.parent) == event.incarnation:
                    await rows.put_version(document, event, at)
            case DocumentVersionFailed() as event:
                document = DocumentKey(org_id, event.collection, event.document)
                await rows.put_failure(document, event, at)
            case _:
                await self._apply_change(recorded, rows)

    async def _apply_change(self, recorded: RecordedEvent, rows: DocumentRows) -> None:
        org_id = recorded.stream.org_id
        match recorded.event:
            case CollectionDescribed() as event:
                await rows.describe_collection(CollectionKey(org_id, event.collection), event.description)
            case CollectionConfigured() as event:
                await rows.configure(CollectionKey(org_id, event.collection), event.pipeline)
            case IndexMoved() as event:
                await rows.move_index(CollectionKey(org_id, event.collection), event.spec)
            case _:
                await self._apply_to_document(recorded, rows)

    async def _apply_to_document(self, recorded: RecordedEvent, rows: DocumentRows) -> None:
        org_id, at = recorded.stream.org_id, recorded.recorded_at
        match recorded.event:
            case DocumentDescribed() as event:
                document = DocumentKey(org_id, event.collection, event.document)
                await rows.describe(document, event.title, event.metadata, event.filename, at)
            case DocumentTagged() as event:
                document = DocumentKey(org_id, event.collection, event.document)
                await rows.put_tags(document, event.tags, at)
            case DocumentShared() as event:
                await rows.put_readers(DocumentKey(org_id, event.collection, event.document), event.readers, at)
            case DocumentDeleted() as event:
                await rows.delete(DocumentKey(org_id, event.collection, event.document), at)
            case DocumentErased() as event:
                await rows.erase(DocumentKey(org_id, event.collection, event.document))


class SearchProjection:
    """Feeds the search index; versions that stand together in the log are written together."""

    name = SEARCH_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: SearchRows) -> None:
        """Write the rows of a batch, in order."""
        pending: list[tuple[DocumentKey, DocumentVersionIndexed, datetime]] = []
        for recorded in events:
            event = recorded.event
            if isinstance(event, DocumentVersionIndexed):
                key = DocumentKey(recorded.stream.org_id, event.collection, event.document)
                if not event.redacted and await rows.incarnation(key.parent) == event.incarnation:
                    pending.append((key, event, recorded.recorded_at))
                continue
            if pending and _changes_index(event):
                await rows.put_versions(pending)
                pending = []
            await self._apply_change(recorded, rows)
        if pending:
            await rows.put_versions(pending)

    async def _apply_change(self, recorded: RecordedEvent, rows: SearchRows) -> None:
        org_id = recorded.stream.org_id
        match recorded.event:
            case CollectionCreated() as event:
                await rows.put_collection(CollectionKey(org_id, event.collection), event.incarnation)
            case CollectionDeleted() as event:
                await rows.drop_collection(CollectionKey(org_id, event.collection))
            case CollectionConfigured() as event:
                await rows.configure(CollectionKey(org_id, event.collection), event.pipeline)
            case IndexMoved() as event:
                await rows.move_index(CollectionKey(org_id, event.collection), event)
            case _:
                await self._apply_to_document(recorded, rows)

    async def _apply_to_document(self, recorded: RecordedEvent, rows: SearchRows) -> None:
        org_id = recorded.stream.org_id
        match recorded.event:
            case DocumentDescribed() as event:
                key = DocumentKey(org_id, event.collection, event.document)
                await rows.describe(key, event.title, event.metadata)
            case DocumentTagged() as event:
                await rows.put_tags(DocumentKey(org_id, event.collection, event.document), event.tags)
            case DocumentShared() as event:
                await rows.put_readers(DocumentKey(org_id, event.collection, event.document), event.readers)
            case DocumentDeleted() as event:
                await rows.delete(DocumentKey(org_id, event.collection, event.document))


def _changes_index(event: object) -> bool:
    return isinstance(event, INDEX_EVENTS)
