"""Knowledge events to invalidations: exactly the cached answers whose context is another one now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from ryorin.contexts.answers.events import AnswersFlushed
from ryorin.contexts.answers.module import AnswerRows
from ryorin.contexts.answers.queries import FRESHNESS_MODEL
from ryorin.contexts.knowledge.coarse import ByteProducts
from ryorin.contexts.knowledge.events import (
    CollectionConfigured,
    CollectionCreated,
    CollectionDeleted,
    DocumentDeleted,
    DocumentDescribed,
    DocumentErased,
    DocumentShared,
    DocumentTagged,
    DocumentVersionIndexed,
    IndexMoved,
)
from ryorin.contexts.knowledge.probe import Newcomer, context_documents, would_change
from ryorin.contexts.knowledge.queries import ContextProbe
from ryorin.contexts.knowledge.reverse_search import Change, Look, ReverseIndex
from ryorin.kernel.events import BEGINNING, LogPosition, RecordedEvent
from ryorin.kernel.messages import EVERYONE, OrgId
from ryorin.processes.probe_codec import decode_outline, decode_probe

# the types of all events that a cached answer may depend on
FOLLOWED = tuple(
    kind.type
    for kind in (
        CollectionCreated,
        CollectionDeleted,
        CollectionConfigured,
        IndexMoved,
        DocumentVersionIndexed,
        DocumentDescribed,
        DocumentTagged,
        DocumentShared,
        DocumentDeleted,
    )
)


class ChangedChunks(Protocol):
    """The chunks of a document's current version, as a search would meet them."""

    async def newcomers(self, org_id: OrgId, event: DocumentVersionIndexed | DocumentShared) -> Sequence[Newcomer]: ...


# outlines held in memory, about 2 kB each with one wording
MAX_OUTLINES = 300_000
# answers that are judged in full after a change that stands alone; fewer, by the square, after more at a time: strict
# hits wait meanwhile, and the next change would touch most of them anyway. What is ended wrongly costs a retrieval if
# it is asked for again (ADR-0013)
MAX_JUDGED = 100
# replaced ones that may take room beyond as many as are alive
MAX_DEAD = 10_000


@dataclass(frozen=True, slots=True)
class _Changed:
    """A document's earlier chunks are gone, `newcomers` came."""

    recorded: RecordedEvent
    collection: str
    document: str
    newcomers: Sequence[Newcomer]

    @property
    def key(self) -> tuple[OrgId, str]:
        """The collection within its organisation."""
        return self.recorded.stream.org_id, self.collection


@dataclass(slots=True)
class _Followed:
    """The outlines of a collection's answers up to a sequence."""

    index: ReverseIndex
    after: int = 0
    # the last change that was looked at here
    changed: LogPosition = BEGINNING


def _changed_for(key: str, probe: ContextProbe, changes: Sequence[_Changed], looks: Sequence[Look]) -> bool:
    """Whether all changes together, of those that come near to a search, change its context."""
    newcomers: dict[str, Sequence[Newcomer]] = {}
    for change, look in zip(changes, looks, strict=True):
        # a document that changed twice has the later chunks only
        newcomers[change.document] = change.newcomers if key in look.entered or key in look.named else ()
    return would_change(probe, [one for chunks in newcomers.values() for one in chunks], newcomers.keys())


async def _looks(index: ReverseIndex, changes: Sequence[Change]) -> AsyncGenerator[Look, None]:
    """Look in a thread; what was found comes as it is found."""
    loop, found = asyncio.get_running_loop(), asyncio.Queue[Look | None]()

    def work() -> None:
        try:
            for look in index.look(changes):
                loop.call_soon_threadsafe(found.put_nowait, look)
        finally:
            loop.call_soon_threadsafe(found.put_nowait, None)

    working = asyncio.create_task(asyncio.to_thread(work))
    try:
        while (look := await found.get()) is not None:
            yield look
    finally:
        # whoever looks at the index next must be alone with it
        await asyncio.wait({working})
    await working


class FreshnessProjection:
    """Follows knowledge and invalidates answers; runs ahead of or beside the search index, never behind a hit."""

    name = FRESHNESS_MODEL

    def __init__(self, chunks: ChangedChunks, products: ByteProducts | None = None) -> None:
        self._chunks = chunks
        self._products = products
        self._collections: dict[tuple[OrgId, str], _Followed] = {}

    async def apply(self, events: Sequence[RecordedEvent], rows: AnswerRows) -> None:
        """Invalidate what a batch of events touches; changes that stand together in the log are looked at together."""
        pending: list[_Changed] = []
        for recorded in events:
            changed = await self._change(recorded)
            if pending and (changed is None or changed.key != pending[0].key):
                await self._changed(pending, rows)
                pending = []
            if changed is not None:
                pending.append(changed)
                await self._restricted(recorded, rows)
            else:
                await self._other(recorded, rows)
        if pending:
            await self._changed(pending, rows)

    async def _change(self, recorded: RecordedEvent) -> _Changed | None:
        match recorded.event:
            case DocumentVersionIndexed() | DocumentShared() as event:
                newcomers = await self._chunks.newcomers(recorded.stream.org_id, event)
                return _Changed(recorded, event.collection, event.document, newcomers)
            case DocumentDeleted() as event:
                return _Changed(recorded, event.collection, event.document, ())
        return None

    async def _restricted(self, recorded: RecordedEvent, rows: AnswerRows) -> None:
        """From here on readers matter in a collection of which not everyone may read everything."""
        event = recorded.event
        if isinstance(event, (DocumentVersionIndexed, DocumentShared)) and EVERYONE not in event.readers:
            await rows.restricted(recorded.stream.org_id, event.collection, event.readers)

    async def _other(self, recorded: RecordedEvent, rows: AnswerRows) -> None:
        org_id, position = recorded.stream.org_id, recorded.position
        match recorded.event:
            case AnswersFlushed() as event:
                await rows.flush(org_id, event.selection, position)
            case DocumentErased() as event:
                await rows.erase(org_id, event.collection, event.document, position)
            case DocumentDescribed() | DocumentTagged() as event:
                await self._described(recorded, event, rows)
            case CollectionCreated() | CollectionDeleted() | CollectionConfigured() | IndexMoved() as event:
                await rows.collection_changed(org_id, event.collection, position)
                await rows.invalidate_collection(org_id, event.collection, event.type, position)

    async def _changed(self, changes: Sequence[_Changed], rows: AnswerRows) -> None:
        """At a glance first, over all answers of the collection; then in full, for those that may be touched."""
        org_id, collection = changes[0].key
        index = await self._followed(org_id, collection, changes[-1].recorded.position, rows)
        limit = MAX_JUDGED // len(changes) ** 2
        looked_for = [Change(change.newcomers, {change.document}) for change in changes]
        async with aclosing(_looks(index, looked_for)) as looking:
            if not limit:
                await self._end_all(index, changes, looking, rows)
                return
            looks = [look async for look in looking]
        named: dict[str, int] = {}
        for number, look in enumerate(looks):
            for key in look.named:
                named.setdefault(key, number)
        unsure = index.unsure(named)
        judged = sorted(named.keys() - unsure)
        unsure.update(judged[limit:])
        kept = await rows.probes(org_id, judged[:limit])
        probes = {entry.key: decode_probe(entry.probe) for entry in kept if entry.probe is not None}
        unsure.update(entry.key for entry in kept if entry.probe is None)
        stale = unsure | {key for key, probe in probes.items() if _changed_for(key, probe, changes, looks)}
        index.distrust(probes.keys() - stale)
        for number, change in enumerate(changes):
            keys = sorted(key for key in stale if named[key] == number)
            await self._drop(change.recorded, change.document, keys, rows)
        index.discard(stale)

    async def _end_all(
        self, index: ReverseIndex, changes: Sequence[_Changed], looking: AsyncIterator[Look], rows: AnswerRows
    ) -> None:
        """After so many changes nothing is judged: what one names is ended while the next is still looked at."""
        ended: set[str] = set()
        numbers = count()
        async for look in looking:
            change = changes[next(numbers)]
            keys = sorted(set(look.named) - ended)
            ended.update(keys)
            await self._drop(change.recorded, change.document, keys, rows)
        index.discard(ended)

    async def _drop(self, recorded: RecordedEvent, document: str, keys: Sequence[str], rows: AnswerRows) -> None:
        if keys:
            reason = f"{recorded.event.type}: {document}"
            await rows.invalidate(recorded.stream.org_id, keys, reason, recorded.position)

    async def _described(
        self, recorded: RecordedEvent, event: DocumentDescribed | DocumentTagged, rows: AnswerRows
    ) -> None:
        def stale(probe: ContextProbe) -> bool:
            """Tags and metadata matter to those who filtered by them, titles are shown in citations."""
            if isinstance(event, DocumentTagged):
                return bool(probe.filter.tags)
            return bool(probe.filter.metadata) or event.document in context_documents(probe)

        org_id = recorded.stream.org_id
        index = await self._followed(org_id, event.collection, recorded.position, rows)
        kept = await rows.probes(org_id, index.described(event.document))
        keys = [entry.key for entry in kept if entry.probe is None or stale(decode_probe(entry.probe))]
        await self._drop(recorded, event.document, keys, rows)

    async def _followed(self, org_id: OrgId, collection: str, position: LogPosition, rows: AnswerRows) -> ReverseIndex:
        """The outlines of a collection's answers up to a change at `position`, which is the next to be looked at.

        Answers that were kept before a change that was looked at elsewhere, or before a restart, cannot be judged by
        their probes alone: the first that comes near to them ends them.
        """
        before = await rows.collection_changed(org_id, collection, position)
        followed = self._collections.pop((org_id, collection), None)
        if followed is None or followed.changed != before or followed.index.dead > len(followed.index) + MAX_DEAD:
            followed = _Followed(ReverseIndex(self._products))
        followed.changed = position
        self._collections[org_id, collection] = followed
        kept = await rows.outlines(org_id, collection, followed.after)
        followed.index.add(decode_outline(one.key, one.outline) for one in kept)
        followed.index.distrust(one.key for one in kept if one.as_of < before)
        followed.after = kept[-1].sequence if kept else followed.after
        while sum(len(one.index) for one in self._collections.values()) > MAX_OUTLINES and len(self._collections) > 1:
            # the one that no event has come for longest
            del self._collections[next(iter(self._collections))]
        return followed.index
