"""L1: answers in memory, bounded by bytes and time, evicted by what the freshness projection tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from cachebox import Cache, LRUCache

from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.read.ports import KeptAnswer
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import OrgId

# evictions remembered, to refuse an answer that was made before one and arrives after it
REMEMBERED_EVICTIONS = 50_000
# of the room, for answers that no model was paid for: however many there are, they push out none of the others
FREE_SHARE = 0.25
# what an entry takes beside its texts, about (bytes)
OVERHEAD_BYTES = 1500
CITATION_BYTES = 600

# the place of an eviction of all that an organisation has
EVERYTHING = "everything"

_Key = tuple[str, str]
Vouch = Callable[[OrgId, str], float | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: Answer
    collection: str | None
    kept_at: float
    expires_at: float
    # notifications may have been missed since it was kept: it was valid at this time (monotonic), more is not known
    valid_at: float | None = None


class MemoryHotAnswers:
    """The `HotAnswers` port; takes nothing while notifications may be lost. When they come again, of what it holds only
    that is known which `vouch` says: at what time every change of a collection had been told (monotonic; None: never).
    """

    def __init__(self, max_bytes: int, ttl_seconds: float, vouch: Vouch = lambda org_id, name: None) -> None:
        self._vouch = vouch
        self._ttl_seconds = ttl_seconds
        free = int(max_bytes * FREE_SHARE)
        # the least recently used goes first, among those that cost money to make and among those that do not
        self._paid: LRUCache[_Key, _Entry] = LRUCache(max(1, max_bytes - free), getsizeof=_bytes)
        self._free: LRUCache[_Key, _Entry] = LRUCache(max(1, free), getsizeof=_bytes)
        self._evicted: Cache[_Key, LogPosition] = Cache(REMEMBERED_EVICTIONS)
        self._epochs: Cache[_Key, int] = Cache(REMEMBERED_EVICTIONS)
        # answers valid only up to here are not kept: evictions before it are forgotten
        self._floor = BEGINNING
        # evictions by earlier transactions were not told
        self._begun = 0
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether every notification arrives."""
        return self._connected

    def get(self, org_id: OrgId, key: str) -> Answer | None:
        """An answer that this process does not know to be invalid."""
        entry = self._held(org_id, key)
        return self._served(entry) if entry is not None and entry.valid_at is None else None

    def lapsed(self, org_id: OrgId, key: str, within_seconds: float) -> Answer | None:
        """An answer that was valid at most so long ago; what became of it while nothing was told is not known."""
        entry = self._held(org_id, key)
        known = entry is not None and entry.valid_at is not None and monotonic() - entry.valid_at <= within_seconds
        return self._served(entry) if entry is not None and known else None

    def _held(self, org_id: OrgId, key: str) -> _Entry | None:
        entry = self._paid.get((org_id, key)) or self._free.get((org_id, key))
        return entry if entry is not None and entry.expires_at > monotonic() else None

    def _served(self, entry: _Entry) -> Answer:
        now = monotonic()
        age = round(entry.answer.age_seconds + now - entry.kept_at, 3)
        return replace(entry.answer, cache="l1", age_seconds=age)

    def put(self, org_id: OrgId, key: str, kept: KeptAnswer) -> bool:
        """Keep an answer if all is known that could have made it invalid, and did not; whether that is so."""
        if not self._connected or self._outdated(org_id, key, kept):
            return False
        now = monotonic()
        expires_at = now + min(self._ttl_seconds, kept.ttl_seconds)
        segment = self._paid if kept.answer.usage.completion_tokens else self._free
        entry = _Entry(kept.answer, kept.collection, now, expires_at)
        # one that is larger than all the room is left to the other layers
        if _bytes((org_id, key), entry) < segment.maxsize:
            segment[org_id, key] = entry
        return True

    def _outdated(self, org_id: OrgId, key: str, kept: KeptAnswer) -> bool:
        if kept.seen is None and kept.collection is None:
            return False  # it was made just now, and depends on nothing that could have changed since
        if kept.seen is not None and kept.seen < self._begun:
            return True
        collection = kept.collection
        if collection is not None and (kept.lexicon_epoch or 0) < (self._epochs.get((org_id, collection)) or 0):
            return True
        places = [key, EVERYTHING, *([_all_of(collection)] if collection is not None else [])]
        evicted = max(self._evicted.get((org_id, place)) or BEGINNING for place in places)
        return kept.valid_at < max(self._floor, evicted)

    def told(self, payload: str) -> None:
        """Take a notification: `kind US org US what US position or epoch`, as PostgreSQL's adapter sends it."""
        kind, org_id, what, when = payload.split("\x1f")
        match kind:
            case "begun":
                self._begun = int(when)
            case "key":
                for key in what.split(","):
                    self._drop((org_id, key))
                    self._remember((org_id, key), LogPosition.parse(when))
            case "collection":
                self._drop_all(org_id, what)
                self._remember((org_id, _all_of(what)), LogPosition.parse(when))
            case "epoch":
                self._drop_all(org_id, what)
                self._epochs[org_id, what] = int(when)
            case "all":
                self._drop_all(org_id, None)
                self._remember((org_id, EVERYTHING), LogPosition.parse(when))

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), from which on all are known, or may get lost (False)."""
        self._connected = connected
        if connected:
            for segment in (self._paid, self._free):
                for key, entry in list(segment.items()):
                    self._lapse(segment, key, entry)

    def _lapse(self, segment: LRUCache[_Key, _Entry], key: _Key, entry: _Entry) -> None:
        if entry.valid_at is not None:
            return
        valid_at = self._vouch(OrgId(key[0]), entry.collection) if entry.collection is not None else None
        if valid_at is None:
            segment.pop(key, None)
        else:
            segment[key] = replace(entry, valid_at=valid_at)

    def _drop(self, key: _Key) -> None:
        self._paid.pop(key, None)
        self._free.pop(key, None)

    def _drop_all(self, org_id: str, collection: str | None) -> None:
        for segment in (self._paid, self._free):
            for key, entry in list(segment.items()):
                if key[0] == org_id and collection in (None, entry.collection):
                    segment.pop(key, None)

    def _remember(self, key: _Key, at: LogPosition) -> None:
        if len(self._evicted) >= REMEMBERED_EVICTIONS - 1:
            self._evicted.clear()
            self._floor = max(self._floor, at)
        self._evicted[key] = at


def _bytes(key: _Key, entry: _Entry) -> int:
    answer = entry.answer
    # as Python keeps it: one byte a character, or up to four as soon as one character needs them
    width = 1 if answer.text.isascii() else 4
    return OVERHEAD_BYTES + CITATION_BYTES * len(answer.citations) + width * len(answer.text)


def _all_of(collection: str) -> str:
    return f"collection/{collection}"
