"""How commands reach the services, print, and end: exit code 2 and one line for a user's mistake."""

from __future__ import annotations

import asyncio
import json
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
from ryorin.kernel.messages import Actor

OpenServices = Callable[[frozenset[str]], AbstractAsyncContextManager[Services]]
WORKING = frozenset({"worker", "projections"})
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
                return await work(services) or 0

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


def print_json(value: object) -> None:
    """One JSON document on stdout, and nothing else there."""
    print(json.dumps(to_json(value), ensure_ascii=False, indent=2))  # noqa: T201 - this is the output


def brief(value: Any) -> str:
    """A cell of a table."""
    return "" if value is None else str(value)
