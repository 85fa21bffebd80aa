"""`ryorin conversations`: what was said, and to forget it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from ryorin.contexts.conversations.commands import RemoveConversation
from ryorin.contexts.conversations.queries import CONVERSATIONS_MODEL, GetConversation, ListConversations
from ryorin.entrypoints.cli.session import READING, WORKING, Session, print_json, settled
from ryorin.entrypoints.services import Services

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Id = Annotated[str, typer.Argument(help="The conversation's id.")]


def build(session: Session) -> typer.Typer:
    """The group of commands about conversations."""
    group = typer.Typer(help="Conversations that are remembered; `ryorin ask --conversation new` begins one.")

    @group.command("list")
    def list_conversations(
        limit: Annotated[int, typer.Option(help="At most so many, the last used first.")] = 50, json: AsJson = False
    ) -> None:
        """Conversations of whoever uses this program."""

        async def work(services: Services) -> None:
            found = await services.queries.ask(ListConversations(limit=limit), session.administrator)
            if json:
                print_json({"conversations": found})
                return
            table = Table(Column("conversation", no_wrap=True), "messages", "last used", "begins")
            for one in found:
                table.add_row(one.id, str(one.messages), f"{one.updated_at:%Y-%m-%d %H:%M}", one.title)
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def show(
        conversation: Id,
        after: Annotated[int, typer.Option(help="After the message of this number.")] = 0,
        limit: Annotated[int, typer.Option(help="At most so many messages.")] = 100,
        json: AsJson = False,
    ) -> None:
        """What was said."""

        async def work(services: Services) -> None:
            query = GetConversation(conversation=conversation, after=after, limit=limit)
            page = await services.queries.ask(query, session.administrator)
            if json:
                print_json(page)
                return
            for message in page.messages:
                session.out.print(f"{message.number} {message.role}: {message.text}", markup=False)

        session.run(READING, work)

    @group.command()
    def remove(conversation: Id) -> None:
        """Remove a conversation, and erase what was said."""

        async def work(services: Services) -> None:
            receipt = await services.commands.send(RemoveConversation(conversation=conversation), session.administrator)
            # what was said is erased when this returns
            await settled(services, receipt.record.position, CONVERSATIONS_MODEL)
            session.out.print(f"{conversation} is removed", markup=False)

        session.run(WORKING, work)

    return group
