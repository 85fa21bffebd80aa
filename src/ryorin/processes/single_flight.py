"""One computation for all who ask the same at the same time; late ones get what was said from the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """One running computation, what it has given so far, and how many still listen."""

    def __init__(self) -> None:
        self.parts: list[T] = []
        self.ended = False
        # the last part was given; what is still done after it concerns no listener
        self.complete = False
        self.error: BaseException | None = None
        self.listeners = 0
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class SingleFlight(Generic[T]):
    """Shares streams by key, within this process; a stream nobody listens to any more is cancelled.

    A part for which `last` holds ends the stream for its listeners, while the flight goes on to its own end, which
    nobody cancels and nobody joins any more.
    """

    def __init__(self, last: Callable[[T], bool] = lambda part: False) -> None:
        self._last = last
        self._flights: dict[str, _Flight[T]] = {}
        self._settling: set[asyncio.Task[None]] = set()

    async def settled(self) -> None:
        """Return when all that was complete has come to its end."""
        await asyncio.gather(*self._settling)

    async def join(self, key: str, start: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """The parts of the flight of `key`, which `start` begins unless one is under way.

        Raises what the flight raised.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            flight.task = asyncio.create_task(self._fly(key, flight, start))
        flight.listeners += 1
        try:
            at = 0
            while True:
                news = flight.news
                while at < len(flight.parts):
                    yield flight.parts[at]
                    at += 1
                if at == len(flight.parts) and (flight.ended or flight.complete):
                    break
                if at == len(flight.parts):
                    await news.wait()
            if flight.error is not None:
                raise flight.error
        finally:
            flight.listeners -= 1
            if flight.listeners == 0 and flight.task is not None and not (flight.ended or flight.complete):
                self._flights.pop(key, None)
                flight.task.cancel()

    async def _fly(self, key: str, flight: _Flight[T], start: Callable[[], AsyncGenerator[T, None]]) -> None:
        try:
            async with aclosing(start()) as parts:
                async for part in parts:
                    flight.parts.append(part)
                    if self._last(part) and flight.task is not None:
                        flight.complete = True
                        self._flights.pop(key, None)
                        self._settling.add(flight.task)
                        flight.task.add_done_callback(self._settling.discard)
                    flight.tell()
        except Exception as error:  # every listener raises it
            flight.error = error
        finally:
            flight.ended = True
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.tell()
