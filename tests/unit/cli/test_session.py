"""How a command of the program ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
import typer

from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.entrypoints.cli import commands_of_commands
from ryorin.entrypoints.cli import session as cli
from ryorin.entrypoints.cli.main import run
from ryorin.entrypoints.cli.session import READING, Session


class Opened:
    """Services that know whether they were closed."""

    closed = False

    @asynccontextmanager
    async def open(self, roles: frozenset[str]) -> AsyncIterator[Any]:
        try:
            yield self
        finally:
            await asyncio.sleep(0)
            self.closed = True


def interrupted_soon() -> None:
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)


def ended(work: Any) -> tuple[int, Opened]:
    opened = Opened()
    with pytest.raises(typer.Exit) as left:
        Session(opened.open, LOCAL_ADMINISTRATOR).run(READING, work)
    return left.value.exit_code, opened


def test_an_interruption_ends_the_work_and_closes_what_was_opened() -> None:
    async def work(services: Any) -> None:
        interrupted_soon()
        await asyncio.Event().wait()

    code, opened = ended(work)

    assert code == 130
    assert opened.closed


def test_work_that_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "CANCEL_AGAIN_SECONDS", 0.05)
    lost = []

    async def work(services: Any) -> None:
        interrupted_soon()
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            lost.append(1)
        await asyncio.Event().wait()

    code, opened = ended(work)

    assert code == 130
    assert opened.closed
    assert len(lost) == 2


def test_the_code_of_the_work_is_the_programs() -> None:
    async def work(services: Any) -> int:
        return 3

    assert ended(work)[0] == 3


def test_an_argument_that_only_the_program_can_judge_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    program = typer.Typer()
    program.add_typer(commands_of_commands.build(Session(Opened().open, LOCAL_ADMINISTRATOR)), name="commands")

    @program.command()
    def other() -> None:
        """So that there is more than one."""

    for setting in ("nope", "=1"):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr("sys.argv", ["ryorin", "commands", "retry", str(uuid4()), "--set", setting])
            run(program)
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"ryorin: --set takes FIELD=VALUE, not {setting!r}\n"
