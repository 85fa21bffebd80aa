from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from ryorin.processes.single_flight import SingleFlight


async def collect(flights: SingleFlight[int], source: object, key: str = "k") -> list[int]:
    return [part async for part in flights.join(key, source)]  # type: ignore[arg-type]  # a source of ints


class Source:
    def __init__(self) -> None:
        self.starts = 0
        self.gate = asyncio.Event()
        self.closed = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[int, None]:
        self.starts += 1
        try:
            yield 1
            await self.gate.wait()
            yield 2
        finally:
            self.closed.set()


async def test_a_thousand_askers_share_one_flight_and_all_hear_it_from_the_start() -> None:
    flights: SingleFlight[int] = SingleFlight()
    source = Source()
    askers = [asyncio.create_task(collect(flights, source)) for _ in range(1000)]
    await asyncio.sleep(0)

    source.gate.set()

    assert await asyncio.gather(*askers) == [[1, 2]] * 1000
    assert source.starts == 1


async def test_every_asker_gets_the_error() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("broken")

    flights: SingleFlight[int] = SingleFlight()

    results = await asyncio.gather(*(collect(flights, failing) for _ in range(3)), return_exceptions=True)

    assert [str(result) for result in results] == ["broken"] * 3


async def test_a_flight_nobody_listens_to_is_ended() -> None:
    flights: SingleFlight[int] = SingleFlight()
    source = Source()
    asker = asyncio.create_task(collect(flights, source))
    while not source.starts:
        await asyncio.sleep(0)

    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker

    await asyncio.wait_for(source.closed.wait(), 5)
