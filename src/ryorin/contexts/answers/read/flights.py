"""What processes need to make an answer once for all of them (ADR-0012)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ryorin.contexts.answers.queries import Answer
from ryorin.kernel.messages import OrgId


@dataclass(frozen=True, slots=True)
class Flight:
    """An answer being made, by us if `led`; its lease has to be renewed.

    `late`: there was another flight of this key within the last minute, so the answer may have been kept by now.
    `alone`: no other process answers questions, so nobody has to be told of it.
    """

    org_id: OrgId
    key: str
    id: UUID
    led: bool
    late: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What a leader has told since: pieces of text in order, and the whole answer at the end.

    Not `alive`: his lease ran out, or he gave up.
    """

    pieces: tuple[str, ...]
    answer: Answer | None
    alive: bool


class AnswerFlights(Protocol):
    """The table of flights that all processes share. Every method raises Unavailable when there is none."""

    async def board(self, org_id: OrgId, key: str) -> Flight:
        """Lead the flight of a key, or follow the one under way."""
        ...

    async def renew(self, flight: Flight) -> None:
        """Keep our lease."""
        ...

    def followed(self, flight: Flight) -> asyncio.Event:
        """Set once another process follows our flight."""
        ...

    async def tell(self, flight: Flight, number: int, text: str) -> None:
        """Publish a piece of our answer; numbers count from 0."""
        ...

    async def land(self, flight: Flight, number: int, answer: Answer | None) -> None:
        """End our flight; the whole answer, unless it failed, is told as the piece of that number."""
        ...

    async def follow(self, flight: Flight) -> None:
        """Let the leader of a flight know that somebody listens."""
        ...

    async def hear(self, flight: Flight, after: int) -> Heard:
        """What the leader has told after so many pieces."""
        ...

    async def news(self, flight: Flight, timeout_seconds: float) -> None:
        """Return when a flight that we follow may have told something since the last time, or after the timeout."""
        ...

    def leave(self, flight: Flight) -> None:
        """Follow a flight no longer."""
        ...
