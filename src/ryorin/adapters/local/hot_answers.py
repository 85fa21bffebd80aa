"""L1: answers in memory, bounded by count and time, evicted by what the freshness projection tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic

from cachebox import Cache, TTLCache

from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.read.ports import KeptAnswer
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import OrgId

# evictions remembered, to refuse an answer that was made before one and arrives after it
REMEMBERED_EVICTIONS = 50_000

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: Answer
    collection: str | None
    kept_at: float


class MemoryHotAnswers:
    """The `HotAnswers` port; takes nothing while notifications may be lost, and forgets all when they come again."""

    def __init__(self, max_answers: int, ttl_seconds: float) -> None:
        self._answers: TTLCache[_Key, _Entry] = TTLCache(max_answers, ttl_seconds)
        self._evicted: Cache[_Key, LogPosition] = Cache(REMEMBERED_EVICTIONS)
        self._epochs: Cache[_Key, int] = Cache(REMEMBERED_EVICTIONS)
        # answers valid only up to here are not kept: evictions before it are forgotten
        self._floor = BEGINNING
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether every notification arrives."""
        return self._connected

    def get(self, org_id: OrgId, key: str) -> Answer | None:
        """An answer that this process does not know to be invalid."""
        entry = self._answers.get((org_id, key))
        if entry is None:
            return None
        return replace(
            entry.answer,
            cache="l1",
            age_seconds=round(entry.answer.age_seconds + monotonic() - entry.kept_at, 3),
        )

    def put(self, org_id: OrgId, key: str, kept: KeptAnswer) -> None:
        """Keep an answer, unless it was evicted after the position at which it was known to be valid."""
        evicted = max(self._floor, self._evicted.get((org_id, key)) or BEGINNING)
        if kept.collection is not None:
            evicted = max(evicted, self._evicted.get((org_id, _all_of(kept.collection))) or BEGINNING)
            if (kept.lexicon_epoch or 0) < (self._epochs.get((org_id, kept.collection)) or 0):
                return
        if self._connected and kept.valid_at >= evicted:
            self._answers[org_id, key] = _Entry(kept.answer, kept.collection, monotonic())

    def told(self, payload: str) -> None:
        """Take a notification: `kind US org US what US position or epoch`, as PostgreSQL's adapter sends it."""
        kind, org_id, what, when = payload.split("\x1f")
        if kind == "readers":
            return
        if kind == "key":
            self._answers.pop((org_id, what), None)
            self._remember((org_id, what), LogPosition.parse(when))
            return
        for key, entry in list(self._answers.items()):
            if key[0] == org_id and (kind == "all" or entry.collection == what):
                self._answers.pop(key, None)
        if kind == "all":
            return
        if kind == "epoch":
            self._epochs[org_id, what] = int(when)
        else:
            self._remember((org_id, _all_of(what)), LogPosition.parse(when))

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), from which on all are known, or may get lost (False)."""
        self._connected = connected
        if connected:
            self._answers.clear()

    def _remember(self, key: _Key, at: LogPosition) -> None:
        if len(self._evicted) >= REMEMBERED_EVICTIONS - 1:
            self._evicted.clear()
            self._floor = max(self._floor, at)
        self._evicted[key] = at


def _all_of(collection: str) -> str:
    return f"collection/{collection}"
