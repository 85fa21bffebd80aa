from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from ryorin.adapters.memory.answer_flights import MemoryAnswerFlights
from ryorin.contexts.answers.module import Flight
from ryorin.contexts.answers.queries import Answer, AnswerPart, Usage
from ryorin.kernel.errors import Unavailable
from ryorin.processes.shared_flights import SharedFlights
from tests.unit.processes.stage import ORG


def answer_of(text: str) -> Answer:
    return Answer("a", 0, "parrot", text, "stop", Usage(1, 1), (), "miss", "0-0", {})


class Model:
    """Says its pieces, waiting for the gate before the last; counts its calls."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.calls = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[AnswerPart, None]:
        self.calls += 1
        for piece in self.pieces[:-1]:
            yield AnswerPart(piece)
        await self.gate.wait()
        yield AnswerPart(self.pieces[-1])
        yield AnswerPart("", answer_of("".join(self.pieces)))


async def nothing_kept() -> Answer | None:
    return None


Listening = asyncio.Task[list[AnswerPart]]


def listen(flights: MemoryAnswerFlights, model: Model) -> Listening:
    """A process of its own."""

    async def parts() -> list[AnswerPart]:
        return [part async for part in SharedFlights(flights).fly(ORG, "k", model, nothing_kept)]

    return asyncio.create_task(parts())


def text_of(parts: list[AnswerPart]) -> str:
    return "".join(part.text for part in parts)


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not met():
            await asyncio.sleep(0.001)


async def test_a_follower_hears_all_of_it_and_calls_no_model() -> None:
    flights, model = MemoryAnswerFlights(), Model("Nine", " o'clock", ".")
    leading = listen(flights, model)
    await until(lambda: model.calls == 1)
    following = [listen(flights, model) for _ in range(3)]
    await asyncio.sleep(0.01)

    model.gate.set()
    results = await asyncio.gather(leading, *following)

    assert [text_of(parts) for parts in results] == ["Nine o'clock."] * 4
    assert all(parts[-1].answer == answer_of("Nine o'clock.") for parts in results)
    assert model.calls == 1


async def test_a_follower_hears_the_beginning_while_the_rest_is_still_being_made() -> None:
    flights, model = MemoryAnswerFlights(), Model("Nine", ".")
    leading = listen(flights, model)
    await until(lambda: model.calls == 1)

    async with aclosing(SharedFlights(flights).fly(ORG, "k", model, nothing_kept)) as parts:
        first = await asyncio.wait_for(anext(parts), 5)

    assert first.text == "Nine"
    assert not leading.done()
    model.gate.set()
    await leading


async def test_when_the_leader_dies_a_follower_goes_on_where_it_stood() -> None:
    flights, dead, model = MemoryAnswerFlights(), Model("Nine o'", "clock."), Model("Nine", " o'clock", ".")
    leading = listen(flights, dead)
    await until(lambda: dead.calls == 1)
    following = listen(flights, model)
    await asyncio.sleep(0.15)

    flights.die()
    model.gate.set()
    parts = await following

    assert text_of(parts) == "Nine o'clock."
    assert not any(part.restarted for part in parts)
    assert (dead.calls, model.calls) == (1, 1)
    leading.cancel()


async def test_another_answer_after_the_leaders_death_is_marked() -> None:
    flights, dead, model = MemoryAnswerFlights(), Model("At ten", "."), Model("Nine", ".")
    leading = listen(flights, dead)
    await until(lambda: dead.calls == 1)
    following = listen(flights, model)
    await asyncio.sleep(0.15)

    flights.die()
    model.gate.set()
    parts = await following

    restart = next(number for number, part in enumerate(parts) if part.restarted)
    assert text_of(parts[:restart]) == "At ten"
    assert text_of(parts[restart:]) == "Nine."
    leading.cancel()


async def test_a_leader_who_fails_keeps_its_failure_and_a_follower_tries_itself() -> None:
    class Failing(Model):
        async def __call__(self) -> AsyncGenerator[AnswerPart, None]:
            self.calls += 1
            await self.gate.wait()
            raise Unavailable("it sleeps")
            yield AnswerPart("")

    flights, failing, model = MemoryAnswerFlights(), Failing(), Model("Nine.")
    leading = listen(flights, failing)
    await until(lambda: failing.calls == 1)
    following = listen(flights, model)
    await asyncio.sleep(0.01)

    failing.gate.set()
    model.gate.set()

    with pytest.raises(Unavailable, match="it sleeps"):
        await leading
    assert text_of(await following) == "Nine."


async def test_what_was_kept_meanwhile_is_not_made_again() -> None:
    async def kept() -> Answer | None:
        return answer_of("Nine.")

    flights, first, model = MemoryAnswerFlights(), Model("Nine."), Model("Ten.")
    first.gate.set()
    await listen(flights, first)

    parts = [part async for part in SharedFlights(flights).fly(ORG, "k", model, kept)]

    assert (text_of(parts), model.calls) == ("Nine.", 0)


async def test_without_the_table_everyone_makes_his_own() -> None:
    class Away(MemoryAnswerFlights):
        async def board(self, org_id: object, key: str) -> Flight:
            raise Unavailable("no database")

    flights, model = Away(), Model("Nine.")
    model.gate.set()

    assert text_of(await listen(flights, model)) == "Nine."
    assert model.calls == 1
