"""How commands reach the services, print, and end: exit code 2 and one line for a user's mistake."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import typer
from rich.console import Console

from ryorin.entrypoints.problems import exit_code_of
from ryorin.entrypoints.services import Services
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor

OpenServices = Callable[[frozenset[str]], AbstractAsyncContextManager[Services]]
WORKING = frozenset({"worker", "projections"})
CANCEL_AGAIN_SECONDS = 0.5
SETTLE_SECONDS = 10.0
READING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """What every command has: the way to the services, the administrator, and two consoles."""

    open_services: OpenServices
    administrator: Actor
    out: Console = field(default_factory=Console)
    err: Console = field(default_factory=lambda: Console(stderr=True))

    def run(self, roles: frozenset[str], work: Callable[[Services], Awaitable[int | None]]) -> None:
        """Open the services with some roles, work, and exit with the code that comes out."""

        async def main() -> int:
            async with self.open_services(roles) as services:
                return await _until_interrupted(work(services)) or 0

        try:
            code = asyncio.run(main())
        except RyorinError as error:
            self.fail(error)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        if code:
            raise typer.Exit(code)

    def fail(self, error: RyorinError) -> NoReturn:
        """One line on stderr, and the exit code of the error."""
        print(f"ryorin: {error.detail}", file=sys.stderr)  # noqa: T201 - Rich would wrap and colour it
        raise typer.Exit(exit_code_of(error))


async def _until_interrupted(work: Awaitable[int | None]) -> int | None:
    """The result of the work; raises KeyboardInterrupt when Ctrl-C ended it.

    It is cancelled until it has ended: in Python 3.11 `asyncio.wait_for`, which libraries wait with, forgets a
    cancellation that comes together with what it waits for (CPython issue 86296), and the work would go on for ever.
    """
    working = asyncio.ensure_future(work)
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    waiting = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        while interrupted.is_set() and not working.done():
            working.cancel()
            await asyncio.wait({working}, timeout=CANCEL_AGAIN_SECONDS)
    finally:
        waiting.cancel()
        loop.remove_signal_handler(signal.SIGINT)
    if working.cancelled() and interrupted.is_set():
        raise KeyboardInterrupt
    return await working


async def settled(services: Services, position: LogPosition | None, *read_models: str) -> None:
    """Return when read models have what was written, or after a while: perhaps no server runs that would do it."""
    if position is not None:
        await services.positions.wait_for(read_models, position, SETTLE_SECONDS)


def print_json(value: object) -> None:
    """One JSON document on stdout, and nothing else there."""
    print(json.dumps(to_json(value), ensure_ascii=False, indent=2))  # noqa: T201 - this is the output


def brief(value: Any) -> str:
    """A cell of a table."""
    return "" if value is None else str(value)
