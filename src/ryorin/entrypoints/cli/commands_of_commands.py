"""`ryorin commands`: list, show, retry, discard."""

from __future__ import annotations

from json import loads
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from ryorin.contexts.operations.commands import DiscardCommand, RetryCommand
from ryorin.contexts.operations.queries import GetCommand, ListCommands
from ryorin.entrypoints.cli.session import READING, Session, brief, print_json
from ryorin.entrypoints.services import Services
from ryorin.kernel.commands import CommandState
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Identifier = Annotated[UUID, typer.Argument(help="The command's id.")]


def build(session: Session) -> typer.Typer:
    """The group of commands about commands."""
    group = typer.Typer(help="See what was asked of the write side, and deal with what failed.")

    @group.command("list")
    def list_commands(
        state: Annotated[CommandState | None, typer.Option(help="Only those in this state.")] = None,
        limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
        json: AsJson = False,
    ) -> None:
        """The newest commands."""

        async def work(services: Services) -> None:
            views = await services.queries.ask(ListCommands(state=state, limit=limit), session.administrator)
            if json:
                print_json(views)
                return
            table = Table(
                Column("id", no_wrap=True),
                Column("command", overflow="fold"),
                Column("state", no_wrap=True),
                *("attempts", "accepted", "error"),
            )
            for view in views:
                error = (view.error or {}).get("detail")
                accepted = view.accepted_at.isoformat(" ", "seconds")
                table.add_row(view.id, view.name, view.state, str(view.attempts), accepted, brief(error))
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def show(command: Identifier, json: AsJson = False) -> None:
        """One command, whole."""

        async def work(services: Services) -> None:
            view = await services.queries.ask(GetCommand(id=command), session.administrator)
            if json:
                print_json(view)
            else:
                session.out.print(view)

        session.run(READING, work)

    @group.command()
    def retry(
        command: Identifier,
        change: Annotated[
            list[str] | None, typer.Option("--set", help="FIELD=VALUE of its payload to change; repeat for more.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Give a failed, dead or cancelled command its attempts back."""
        _send(session, RetryCommand(id=command, changes=_changes(change) if change else None), json)

    @group.command()
    def discard(command: Identifier, json: AsJson = False) -> None:
        """Cancel a command that is not running."""
        _send(session, DiscardCommand(id=command), json)

    return group


def _changes(settings: list[str]) -> dict[str, object]:
    changes: dict[str, object] = {}
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals or not field:
            raise InvalidInput(f"--set takes FIELD=VALUE, not {setting!r}")
        try:
            changes[field] = loads(value)
        except ValueError:
            # a word needs no quotation marks
            changes[field] = value
    return changes


def _send(session: Session, command: Command, as_json: bool) -> None:
    async def work(services: Services) -> None:
        receipt = await services.commands.send(command, session.administrator)
        result = receipt.record.result or {}
        if as_json:
            print_json(result)
        else:
            session.out.print(f"{result.get('target')} is {result.get('state')}")

    session.run(READING, work)
