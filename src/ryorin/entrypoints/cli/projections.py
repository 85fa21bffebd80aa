"""`ryorin projections`: status, rebuild."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.operations.commands import RebuildProjection
from ryorin.contexts.operations.queries import GetCommand, ListProjections
from ryorin.entrypoints.cli.session import READING, WORKING, Session, brief, print_json
from ryorin.entrypoints.services import Services
from ryorin.kernel.errors import RyorinError

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
WAIT_SECONDS = 30.0


def build(session: Session) -> typer.Typer:
    """The group of commands about projections."""
    group = typer.Typer(help="See how far the read models are, and fill one anew.")

    @group.command()
    def status(json: AsJson = False) -> None:
        """Every read model: generation, position and lag in events."""

        async def work(services: Services) -> None:
            statuses = await services.queries.ask(ListProjections(), session.administrator)
            if json:
                print_json(statuses)
                return
            table = Table("projection", "generation", "state", "position", "lag", "error")
            for one in statuses:
                row = (
                    one.name,
                    str(one.generation),
                    one.state,
                    str(one.position),
                    str(one.lag),
                    brief(one.error),
                )
                table.add_row(*row)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def rebuild(name: Annotated[str, typer.Argument(help="The projection's name.")], json: AsJson = False) -> None:
        """Fill a next generation while the present one serves, then switch."""

        async def work(services: Services) -> None:
            receipt = await services.commands.send(RebuildProjection(projection=name), session.administrator)
            while True:
                question = GetCommand(id=receipt.record.envelope.id, wait_seconds=WAIT_SECONDS)
                view = await services.queries.ask(question, session.administrator)
                if view.ended:
                    break
            if view.result is None:
                raise RyorinError(str((view.error or {}).get("detail", view.state)))
            if json:
                print_json(view.result)
            else:
                session.out.print(f"{name} serves {view.result['state']}")

        session.run(WORKING, work)

    return group
