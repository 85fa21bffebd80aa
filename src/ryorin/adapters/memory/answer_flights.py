"""Flights in memory, by the same rules as in PostgreSQL; processes that share this object share their flights."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.read.flights import Flight, Heard
from ryorin.kernel.messages import OrgId


@dataclass(slots=True)
class _Row:
    """One flight: alive until it landed or its leader was declared dead."""

    pieces: list[str] = field(default_factory=list)
    answer: Answer | None = None
    alive: bool = True
    followed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryAnswerFlights:
    """The `AnswerFlights` port."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[OrgId, str], UUID] = {}
        self._rows: dict[UUID, _Row] = {}

    async def board(self, org_id: OrgId, key: str) -> Flight:
        """Lead the flight of a key, or follow the one under way."""
        other = self._under_way.get((org_id, key))
        if other is not None and self._rows[other].alive:
            return Flight(org_id, key, other, led=False)
        flight = Flight(org_id, key, uuid4(), led=True, late=other is not None)
        self._under_way[org_id, key] = flight.id
        self._rows[flight.id] = _Row()
        return flight

    async def renew(self, flight: Flight) -> None:
        """Leases do not run out here; see `die`."""

    def die(self) -> None:
        """All leaders are dead: their leases ran out."""
        for row in self._rows.values():
            row.alive = False
            row.news.set()

    def followed(self, flight: Flight) -> asyncio.Event:
        """Set once another process follows our flight."""
        return self._rows[flight.id].followed

    async def tell(self, flight: Flight, number: int, text: str) -> None:
        """Publish a piece of our answer."""
        row = self._rows[flight.id]
        if number == len(row.pieces):
            row.pieces.append(text)
        row.news.set()

    async def land(self, flight: Flight, number: int, answer: Answer | None) -> None:
        """End our flight; the whole answer is told if somebody follows."""
        row = self._rows[flight.id]
        row.answer, row.alive = answer if row.followed.is_set() else None, False
        row.news.set()

    async def follow(self, flight: Flight) -> None:
        """Let the leader of a flight know that somebody listens."""
        self._rows[flight.id].followed.set()

    async def hear(self, flight: Flight, after: int) -> Heard:
        """What the leader has told after so many pieces."""
        row = self._rows[flight.id]
        return Heard(tuple(row.pieces[after:]), row.answer, row.alive)

    async def news(self, flight: Flight, timeout_seconds: float) -> None:
        """Return when a flight that we follow may have told something, or after the timeout."""
        row = self._rows[flight.id]
        try:
            async with asyncio.timeout(timeout_seconds):
                await row.news.wait()
        except TimeoutError:
            return
        row.news.clear()

    def leave(self, flight: Flight) -> None:
        """Follow a flight no longer: nothing is held for a follower."""
