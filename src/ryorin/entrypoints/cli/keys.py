"""`ryorin keys`: create, rotate, list, revoke."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.identity.commands import CreateApiKey, RevokeApiKey, RotateApiKey
from ryorin.contexts.identity.queries import ListApiKeys
from ryorin.contexts.identity.secrets import NewKey, new_key
from ryorin.entrypoints.cli.session import READING, WORKING, Session, brief, print_json
from ryorin.entrypoints.services import Services
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Scope

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
        by_role: Annotated[
            bool, typer.Option("--by-role", help="No scopes of its own: what the roles of --user and --group allow.")
        ] = False,
        json: AsJson = False,
    ) -> None:
        """Create a key; its text is shown this once."""
        if by_role and scope:
            raise InvalidInput("a key has scopes of its own or those of roles: give --scope or --by-role")
        key = new_key(os.urandom)
        command = CreateApiKey(
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            label=label,
            scopes=() if by_role else tuple(scope or [Scope.ADMIN]),
            user=user,
            groups=tuple(group or ()),
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        )

        async def work(services: Services) -> None:
            await known(services, command)
            shown(key, json, "Keep it: it is not shown again. From now on every request needs a key.")

        session.run(WORKING, work)

    async def known(services: Services, command: Command) -> None:
        """A server on this machine must know the key before its owner tries it."""
        receipt = await services.commands.send(command, session.administrator)
        await services.queries.ask(ListApiKeys(), session.administrator, Consistency(receipt.record.position))

    def shown(key: NewKey, json: bool, hint: str) -> None:
        if json:
            print_json({"prefix": key.prefix, "key": key.text})
        else:
            session.out.print(key.text, markup=False, soft_wrap=True)
            session.err.print(hint)

    @group.command()
    def rotate(
        prefix: Annotated[str, typer.Argument(help="The old key's prefix.")],
        hours: Annotated[float, typer.Option(help="How long the old key goes on.", min=0)] = 0.0,
        days: Annotated[int | None, typer.Option(help="Days until the new one expires; default: never.")] = None,
        json: AsJson = False,
    ) -> None:
        """Replace a key by a new one with the same rights; its text is shown this once."""
        key = new_key(os.urandom)
        command = RotateApiKey(
            prefix=prefix,
            new_prefix=key.prefix,
            secret_hash=key.secret_hash,
            overlap_seconds=round(hours * 3600),
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        )

        async def work(services: Services) -> None:
            await known(services, command)
            until = f"goes on for {hours:g} hours" if hours else "has ended"
            shown(key, json, f"Keep it: it is not shown again. {prefix} {until}.")

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
                table.add_row(view.prefix, view.label, " ".join(view.scopes) or "by role", names, *map(brief, times))
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
