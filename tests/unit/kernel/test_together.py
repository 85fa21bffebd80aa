"""Tasks that end for certain, also where a cancellation is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ryorin.kernel import together
from ryorin.kernel.together import ended


@pytest.fixture(autouse=True)
def _again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "CANCEL_AGAIN_SECONDS", 0.01)


async def deaf(times: int, heard: list[int]) -> None:
    """Goes on for ever, and loses so many cancellations, as `asyncio.wait_for` of Python 3.11 may."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            heard.append(1)
            if len(heard) > times:
                raise


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_tasks_have_ended_although_cancellations_were_lost(lost: int) -> None:
    heard: list[int] = []
    task = asyncio.create_task(deaf(lost, heard))
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await ended(task)

    assert task.cancelled()
    assert len(heard) == lost + 1


async def test_what_came_of_them_does_not_matter() -> None:
    async def fails() -> None:
        raise ValueError("not to be heard")

    done = asyncio.create_task(asyncio.sleep(0, "done"))
    await done
    tasks: Sequence[asyncio.Task[object]] = [done, asyncio.create_task(fails())]
    await asyncio.sleep(0)

    await ended(*tasks)
    await ended()
