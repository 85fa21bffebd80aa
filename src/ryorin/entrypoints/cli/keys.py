"""`ryorin keys`: create, list, revoke."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.identity.commands import CreateApiKey, RevokeApiKey
from ryorin.contexts.identity.queries import ListApiKeys
from ryorin.contexts.identity.secrets import new_key
from ryorin.entrypoints.cli.session import READING, WORKING, Session, brief, print_json
from ryorin.entrypoints.services import Services
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.messages import Scope

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def build(session: Session) -> typer.Typer:
    """The group of commands about API keys."""
    group = typer.Typer(help="Create, list and revoke API keys.")

    @group.command()
    def create(
        label: Annotated[str, typer.Option(help="What the key is for.")],
        scope: Annotated[list[Scope] | None, typer.Option(help="Repeat for several; default: admin.")] = None,
        days: Annotated[int | None, typer.Option(help="Days until it expires; default: never.")] = None,
        user: Annotated[str, typer.Option(help="Whose key it is: reads what is shared with user:NAME.")] = "",
        group: Annotated[list[str] | None, typer.Option(help="Reads what is shared with group:NAME; repeat.")] = None,
        json: AsJson = False,
    ) -> None:
        """Create a key; its text is shown this once."""
        key = new_key(os.urandom)
        command = CreateApiKey(
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            label=label,
            scopes=tuple(scope or [Scope.ADMIN]),
            user=user,
            groups=tuple(group or ()),
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        )

        async def work(services: Services) -> None:
            receipt = await services.commands.send(command, session.administrator)
            seen = Consistency(receipt.record.position)
            # a server on this machine must know the key before its owner tries it
            await services.queries.ask(ListApiKeys(), session.administrator, seen)
            if json:
                print_json({"prefix": key.prefix, "key": key.text})
            else:
                session.out.print(key.text, markup=False)
                session.err.print("Keep it: it is not shown again. From now on every request needs a key.")

        session.run(WORKING, work)

    @group.command("list")
    def list_keys(json: AsJson = False) -> None:
        """The organisation's keys."""

        async def work(services: Services) -> None:
            views = await services.queries.ask(ListApiKeys(), session.administrator)
            if json:
                print_json(views)
                return
            table = Table("prefix", "label", "scopes", "reads as", "expires", "revoked", "last used")
            for view in views:
                times = (view.expires_at, view.revoked_at, view.last_used_at)
                names = " ".join((view.user, *view.groups)).strip()
                table.add_row(view.prefix, view.label, " ".join(view.scopes), names, *map(brief, times))
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def revoke(prefix: Annotated[str, typer.Argument(help="The key's prefix.")], json: AsJson = False) -> None:
        """End a key at once."""

        async def work(services: Services) -> None:
            await services.commands.send(RevokeApiKey(prefix=prefix), session.administrator)
            if json:
                print_json({"prefix": prefix, "revoked": True})
            else:
                session.out.print(f"{prefix} is revoked")

        session.run(WORKING, work)

    return group
