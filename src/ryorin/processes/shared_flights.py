"""Makes an answer once for all processes: one leads, the others hear it from the start (ADR-0012)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace

from ryorin.contexts.answers.module import AnswerFlights, Flight
from ryorin.contexts.answers.queries import Answer, AnswerPart
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId
from ryorin.kernel.together import ended

Parts = AsyncGenerator[AnswerPart, None]

RENEW_SECONDS = 1.0
# between pieces that are told to other processes (seconds)
PIECE_SECONDS = 0.05
# between looks at a flight that is silent (seconds)
LOOK_SECONDS = 0.5
# how long the table of flights may take before a process makes an answer by itself (seconds)
BOARD_SECONDS = 2.0


class LeaderLost(Exception):
    """Who led a flight gave up or died before its end."""


class SharedFlights:
    """Streams of answers, shared with the other processes."""

    def __init__(self, flights: AnswerFlights) -> None:
        self._flights = flights

    async def fly(
        self, org_id: OrgId, key: str, make: Callable[[], Parts], kept: Callable[[], Awaitable[Answer | None]]
    ) -> Parts:
        """An answer by whoever makes it; `make` makes it, `kept` looks for it once more when it is our turn."""
        said = ""
        while True:
            try:
                async with asyncio.timeout(BOARD_SECONDS):
                    flight = await self._flights.board(org_id, key)
            except (Unavailable, TimeoutError):
                flight = None
            source = self._ours(flight, make, kept) if flight is None or flight.led else self._theirs(flight)
            try:
                async with aclosing(_after(said, source)) as parts:
                    async for part in parts:
                        said = part.text if part.restarted else said + part.text
                        yield part
                return
            except LeaderLost:
                continue

    async def _ours(
        self, flight: Flight | None, make: Callable[[], Parts], kept: Callable[[], Awaitable[Answer | None]]
    ) -> Parts:
        if flight is None:
            async with aclosing(make()) as parts:
                async for part in parts:
                    yield part
            return
        if flight.alone:
            async with aclosing(self._alone(flight, make, kept)) as parts:
                async for part in parts:
                    yield part
            return
        led = _Led(self._flights, flight)
        try:
            found = await kept() if flight.late else None
            if found is not None:
                led.answer = found
                yield AnswerPart(found.text, found)
                return
            async with aclosing(make()) as parts:
                async for part in parts:
                    led.say(part)
                    yield part
        finally:
            await led.land()

    async def _alone(
        self, flight: Flight, make: Callable[[], Parts], kept: Callable[[], Awaitable[Answer | None]]
    ) -> Parts:
        try:
            found = await kept() if flight.late else None
            if found is not None:
                yield AnswerPart(found.text, found)
                return
            async with aclosing(make()) as parts:
                async for part in parts:
                    yield part
        finally:
            await self._flights.land(flight, 0, None)

    async def _theirs(self, flight: Flight) -> Parts:
        try:
            await self._flights.follow(flight)
            told, text = 0, ""
            while True:
                heard = await self._flights.hear(flight, told)
                told += len(heard.pieces)
                text += "".join(heard.pieces)
                if heard.answer is not None:
                    # what was lost of the pieces, if any, is in the whole
                    said = "".join(heard.pieces)
                    yield _ending(text[: len(text) - len(said)], heard.answer)
                    return
                for piece in heard.pieces:
                    yield AnswerPart(piece)
                if not heard.alive:
                    raise LeaderLost
                await self._flights.news(flight, LOOK_SECONDS)
        except Unavailable as error:
            raise LeaderLost from error
        finally:
            self._flights.leave(flight)


class _Led:
    """Our flight: its lease is renewed, and what was said is told once somebody follows."""

    def __init__(self, flights: AnswerFlights, flight: Flight) -> None:
        self._flights = flights
        self._flight = flight
        self._said: list[str] = []
        self._told = 0
        self._pieces = 0
        self._landed = False
        self.answer: Answer | None = None
        self._tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._tell())]

    def say(self, part: AnswerPart) -> None:
        """Note what the followers have to hear."""
        if part.text:
            self._said.append(part.text)
        self.answer = part.answer or self.answer

    async def land(self) -> None:
        """End the flight, once; with the answer if there is one."""
        if self._landed:
            return
        self._landed = True
        await ended(*self._tasks)
        # a flight that cannot be ended ends with its lease
        with suppress(Unavailable):
            if self._flights.followed(self._flight).is_set():
                await self._publish()
            await asyncio.shield(self._flights.land(self._flight, self._pieces, self.answer))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(Unavailable):
                await self._flights.renew(self._flight)

    async def _tell(self) -> None:
        await self._flights.followed(self._flight).wait()
        while True:
            with suppress(Unavailable):
                await self._publish()
            await asyncio.sleep(PIECE_SECONDS)

    async def _publish(self) -> None:
        until = len(self._said)
        text = "".join(self._said[self._told : until])
        if text:
            await self._flights.tell(self._flight, self._pieces, text)
            self._told = until
            self._pieces += 1


def _ending(said: str, answer: Answer) -> AnswerPart:
    if answer.text.startswith(said):
        return AnswerPart(answer.text[len(said) :], answer)
    return AnswerPart(answer.text, answer, restarted=True)


async def _after(said: str, source: Parts) -> Parts:
    """A stream without its beginning that was said before; where it says something else it is marked as restarted."""
    async with aclosing(source) as parts:
        text, caught_up = "", not said
        async for part in parts:
            if caught_up:
                yield part
                continue
            text += part.text
            if part.answer is None and said.startswith(text) and len(text) < len(said):
                continue
            caught_up = True
            if text.startswith(said):
                yield replace(part, text=text[len(said) :])
            else:
                yield replace(part, text=text, restarted=True)
