"""L2 in memory, by the same rules as in PostgreSQL: answers, and the rows through which they are invalidated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.read.ports import CachedAnswer, KeptAnswer, KeptOutline, KeptProbe
from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import Clock


@dataclass(frozen=True, slots=True)
class _Row:
    entry: CachedAnswer
    created_at: datetime
    sequence: int


class MemoryAnswers:
    """The ports `AnswerStore` and `AnswerRows`; an invalidated answer is dropped, its reason kept.

    `lexicon_epoch` is the present one of a collection, None when there is no such collection; `tell` takes
    evictions in the form that PostgreSQL's adapter sends them in.
    """

    def __init__(
        self,
        clock: Clock,
        lexicon_epoch: Callable[[OrgId, str], int | None],
        tell: Callable[[str], None] = lambda payload: None,
    ) -> None:
        self._clock = clock
        self._epoch = lexicon_epoch
        self._tell = tell
        self._rows: dict[tuple[OrgId, str], _Row] = {}
        self._dropped: dict[tuple[OrgId, str], tuple[_Row, datetime]] = {}
        self._changed: dict[tuple[OrgId, str], LogPosition] = {}
        self._named: dict[tuple[OrgId, str], frozenset[str]] = {}
        self._reached = BEGINNING
        self._sequences = count(1)
        self.reasons: dict[str, str] = {}

    async def get(self, org_id: OrgId, key: str, *, settled: bool) -> KeptAnswer | None:
        """A valid answer; changes of the index are looked at at once here."""
        row = self._rows.get((org_id, key))
        if row is None:
            return None
        entry, age = row.entry, (self._clock.now() - row.created_at).total_seconds()
        if age >= entry.ttl_seconds or self._outdated(entry):
            return None
        answer = replace(entry.answer, age_seconds=age)
        left = entry.ttl_seconds - age
        return KeptAnswer(answer, entry.collection, entry.lexicon_epoch, self._reached, ttl_seconds=left)

    async def changed(self, org_id: OrgId, collection: str) -> LogPosition:
        """The newest change of a collection."""
        return self._changed.get((org_id, collection), BEGINNING)

    async def invalidated(self, org_id: OrgId, key: str, within_seconds: float) -> Answer | None:
        """An answer that was invalidated at most so long ago."""
        row, at = self._dropped.get((org_id, key), (None, None))
        now = self._clock.now()
        if row is None or at is None or (now - at).total_seconds() > within_seconds:
            return None
        return replace(row.entry.answer, age_seconds=(now - row.created_at).total_seconds())

    async def put(self, entry: CachedAnswer) -> KeptAnswer | None:
        """Keep an answer, unless its collection or its ranking changed since it was asked for."""
        if self._overtaken(entry):
            return None
        return self._keep(entry, self._clock.now())

    async def of_context(self, org_id: OrgId, key: str, context: str) -> Answer | None:
        """An answer that was made from this very context, invalidated or not."""
        row = self._rows.get((org_id, key)) or self._dropped.get((org_id, key), (None, None))[0]
        if row is None or row.entry.context != context or not self._lives(row):
            return None
        return replace(row.entry.answer, age_seconds=(self._clock.now() - row.created_at).total_seconds())

    async def renew(self, entry: CachedAnswer) -> KeptAnswer | None:
        """Make an answer that is there valid again; its age goes on."""
        place = entry.org_id, entry.key
        row = self._rows.get(place) or self._dropped.get(place, (None, None))[0]
        if row is None or self._overtaken(entry):
            return None
        kept = replace(entry, answer=row.entry.answer, ttl_seconds=row.entry.ttl_seconds)
        return self._keep(kept, row.created_at)

    def _keep(self, entry: CachedAnswer, created_at: datetime) -> KeptAnswer:
        self._rows[entry.org_id, entry.key] = _Row(entry, created_at, next(self._sequences))
        self._dropped.pop((entry.org_id, entry.key), None)
        valid_at = max(entry.as_of, self._reached)
        return KeptAnswer(entry.answer, entry.collection, entry.lexicon_epoch, valid_at, ttl_seconds=entry.ttl_seconds)

    def keys(self) -> list[str]:
        """The keys of what is kept."""
        return [key for _, key in self._rows]

    def _overtaken(self, entry: CachedAnswer) -> bool:
        if entry.collection is None:
            return False
        changed = self._changed.get((entry.org_id, entry.collection), BEGINNING)
        return changed > entry.as_of or self._outdated(entry)

    def _outdated(self, entry: CachedAnswer) -> bool:
        return entry.collection is not None and entry.lexicon_epoch != self._epoch(entry.org_id, entry.collection)

    async def outlines(self, org_id: OrgId, collection: str, after: int) -> Sequence[KeptOutline]:
        """What was kept since, in order."""
        found = [
            KeptOutline(row.entry.key, row.sequence, row.entry.outline, row.entry.as_of)
            for row in self._of_collection(org_id, collection)
            if row.entry.outline is not None and row.sequence > after and self._lives(row)
        ]
        return sorted(found, key=lambda entry: entry.sequence)

    async def probes(self, org_id: OrgId, keys: Sequence[str]) -> Sequence[KeptProbe]:
        """What valid answers depend on."""
        rows = [self._rows[org_id, key] for key in keys if (org_id, key) in self._rows]
        return [
            KeptProbe(row.entry.key, row.entry.probe)
            for row in rows
            if row.entry.probe is not None and self._lives(row)
        ]

    def _lives(self, row: _Row) -> bool:
        return self._clock.now() < row.created_at + timedelta(seconds=row.entry.ttl_seconds)

    async def invalidate(self, org_id: OrgId, keys: Sequence[str], reason: str, position: LogPosition) -> None:
        """Drop answers, and tell of each."""
        for key in keys:
            row = self._rows.pop((org_id, key), None)
            if row is not None:
                self._dropped[org_id, key] = row, self._clock.now()
                self.reasons[key] = reason
            self._tell(f"key\x1f{org_id}\x1f{key}\x1f{position}")

    async def invalidate_collection(self, org_id: OrgId, collection: str, reason: str, position: LogPosition) -> None:
        """Drop all answers of a collection, and tell of it."""
        for row in self._of_collection(org_id, collection):
            self._dropped[org_id, row.entry.key] = self._rows.pop((org_id, row.entry.key)), self._clock.now()
            self.reasons[row.entry.key] = reason
        self._tell(f"collection\x1f{org_id}\x1f{collection}\x1f{position}")

    async def flush(self, org_id: OrgId, selection: Selection, position: LogPosition) -> None:
        """Drop answers for good; tags are not known here, so that one of these selects nothing."""
        for (org, key), row in [*self._rows.items(), *((place, row) for place, (row, _) in self._dropped.items())]:
            if org == org_id and _selected(row.entry, selection):
                self._rows.pop((org, key), None)
                self._dropped.pop((org, key), None)
                self._tell(f"key\x1f{org_id}\x1f{key}\x1f{position}")

    async def restricted(self, org_id: OrgId, collection: str, readers: Sequence[str]) -> None:
        """Add readers to those of the collection."""
        self._named[org_id, collection] = self._named.get((org_id, collection), frozenset()) | {*readers}

    async def named(self, org_id: OrgId, collection: str) -> frozenset[str] | None:
        """Readers of restricted documents: the `Audiences` port."""
        return self._named.get((org_id, collection))

    async def collection_changed(self, org_id: OrgId, collection: str, position: LogPosition) -> LogPosition:
        """Note the newest change of a collection; the one before."""
        before = self._changed.get((org_id, collection), BEGINNING)
        self._changed[org_id, collection] = position
        self._reached = max(self._reached, position)
        return before

    def _of_collection(self, org_id: OrgId, collection: str) -> list[_Row]:
        return [row for (org, _), row in self._rows.items() if org == org_id and row.entry.collection == collection]


def _selected(entry: CachedAnswer, selection: Selection) -> bool:
    documents = {chunk.document for chunk in entry.provenance.context}
    return (
        selection.tag is None
        and selection.collection in (None, entry.collection)
        and selection.model in (None, entry.answer.model)
        and selection.prompt in (None, entry.answer.prompt.name if entry.answer.prompt else "")
        and (selection.document is None or selection.document in documents)
    )
