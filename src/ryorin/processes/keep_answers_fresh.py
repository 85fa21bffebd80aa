"""Knowledge events to invalidations: exactly the cached answers whose context is another one now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ryorin.contexts.answers.module import AnswerRows
from ryorin.contexts.answers.queries import FRESHNESS_MODEL
from ryorin.contexts.knowledge.events import (
    CollectionConfigured,
    CollectionCreated,
    CollectionDeleted,
    DocumentDeleted,
    DocumentDescribed,
    DocumentTagged,
    DocumentVersionIndexed,
    IndexMoved,
)
from ryorin.contexts.knowledge.probe import Newcomer, context_documents, would_change
from ryorin.contexts.knowledge.queries import ContextProbe
from ryorin.kernel.events import RecordedEvent
from ryorin.kernel.messages import OrgId
from ryorin.processes.probe_codec import decode_probe


class ChangedChunks(Protocol):
    """The chunks of an indexed version, as a search would meet them."""

    async def newcomers(self, org_id: OrgId, event: DocumentVersionIndexed) -> Sequence[Newcomer]: ...


@dataclass(frozen=True, slots=True)
class _Change:
    """What became of one document: its earlier chunks are gone, these came."""

    document: str
    newcomers: Sequence[Newcomer]


class FreshnessProjection:
    """Follows knowledge and invalidates answers; runs ahead of or beside the search index, never behind a hit."""

    name = FRESHNESS_MODEL

    def __init__(self, chunks: ChangedChunks) -> None:
        self._chunks = chunks

    async def apply(self, events: Sequence[RecordedEvent], rows: AnswerRows) -> None:
        """Invalidate what a batch of events touches."""
        for recorded in events:
            org_id, position = recorded.stream.org_id, recorded.position
            match recorded.event:
                case DocumentVersionIndexed() as event:
                    newcomers = await self._chunks.newcomers(org_id, event)
                    await self._changed(recorded, event.collection, _Change(event.document, newcomers), rows)
                case DocumentDeleted() as event:
                    await self._changed(recorded, event.collection, _Change(event.document, ()), rows)
                case DocumentDescribed() | DocumentTagged() as event:
                    await self._described(recorded, event, rows)
                case CollectionCreated() | CollectionDeleted() | CollectionConfigured() | IndexMoved() as event:
                    await rows.collection_changed(org_id, event.collection, position)
                    await rows.invalidate_collection(org_id, event.collection, event.type, position)

    async def _changed(self, recorded: RecordedEvent, collection: str, change: _Change, rows: AnswerRows) -> None:
        def stale(probe: ContextProbe) -> bool:
            return would_change(probe, change.newcomers, {change.document})

        await self._invalidate(recorded, collection, change.document, stale, rows)

    async def _described(
        self, recorded: RecordedEvent, event: DocumentDescribed | DocumentTagged, rows: AnswerRows
    ) -> None:
        def stale(probe: ContextProbe) -> bool:
            """Tags and metadata matter to those who filtered by them, titles are shown in citations."""
            if isinstance(event, DocumentTagged):
                return bool(probe.filter.tags)
            return bool(probe.filter.metadata) or event.document in context_documents(probe)

        await self._invalidate(recorded, event.collection, event.document, stale, rows)

    async def _invalidate(
        self,
        recorded: RecordedEvent,
        collection: str,
        document: str,
        stale: Callable[[ContextProbe], bool],
        rows: AnswerRows,
    ) -> None:
        org_id, position = recorded.stream.org_id, recorded.position
        await rows.collection_changed(org_id, collection, position)
        kept = await rows.probes(org_id, collection)
        keys = [entry.key for entry in kept if stale(decode_probe(entry.probe))]
        if keys:
            await rows.invalidate(org_id, keys, f"{recorded.event.type}: {document}", position)
