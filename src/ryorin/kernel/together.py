"""Runs things side by side so that one failure is raised as itself, not as a group; and ends them for certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

CANCEL_AGAIN_SECONDS = 0.5


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` whose first error is raised plainly; the other tasks are cancelled as ever."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from errors


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until all of them have ended; what came of them does not matter any more.

    Once is not enough: `asyncio.wait_for` of Python 3.11, which psycopg's pool waits with, loses a cancellation that
    comes together with its result, and a task that goes on for ever would then never hear of it.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
