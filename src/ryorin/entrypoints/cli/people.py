"""`ryorin users` and `ryorin roles`: who there is, and who may do what."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ryorin.contexts.identity.commands import CreateUser, GrantRole, RemoveUser, RevokeRole
from ryorin.contexts.identity.queries import GetOrganisation, ListRoles
from ryorin.contexts.identity.roles import Role
from ryorin.entrypoints.cli.session import READING, WORKING, Session, brief, print_json
from ryorin.entrypoints.services import Services

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Subject = Annotated[str, typer.Argument(help="user:NAME or group:NAME.")]
Resource = Annotated[str, typer.Option("--in", help="collection:NAME or prompt:NAME; default: the organisation.")]


def add(cli: typer.Typer, session: Session) -> None:
    """Add both groups."""
    cli.add_typer(_users(session), name="users")
    cli.add_typer(_roles(session), name="roles")


def _users(session: Session) -> typer.Typer:
    group = typer.Typer(help="People and service accounts.")

    @group.command("list")
    def list_users(json: AsJson = False) -> None:
        """Everybody who was added, and who was removed."""

        async def work(services: Services) -> None:
            view = await services.queries.ask(GetOrganisation(), session.administrator)
            if json:
                print_json(view.users)
                return
            table = Table("user", "name", "kind", "since", "removed")
            for user in view.users:
                table.add_row(user.user, user.display_name, user.kind, brief(user.created_at), brief(user.removed_at))
            session.out.print(table)

        session.run(READING, work)

    @group.command("add")
    def add_user(
        user: Annotated[str, typer.Argument(help="As keys, roles and tokens name it.")],
        name: Annotated[str, typer.Option(help="To show; default: the same.")] = "",
        service: Annotated[
            bool, typer.Option("--service", help="A program's account: it has keys, no tokens.")
        ] = False,
    ) -> None:
        """Add a person, or a service account."""

        async def work(services: Services) -> None:
            command = CreateUser(user=user, display_name=name or user, kind="service" if service else "person")
            await services.commands.send(command, session.administrator)
            session.out.print(f"{user} was added")

        session.run(WORKING, work)

    @group.command()
    def remove(user: Annotated[str, typer.Argument(help="Whose rights end.")]) -> None:
        """End a user's rights: roles, keys, and tokens of an issuer."""

        async def work(services: Services) -> None:
            await services.commands.send(RemoveUser(user=user), session.administrator)
            session.out.print(f"{user} has no rights any more")

        session.run(WORKING, work)

    return group


def _roles(session: Session) -> typer.Typer:
    group = typer.Typer(help="Who may do what: viewer, editor, admin, owner.")

    @group.command("list")
    def list_roles(json: AsJson = False) -> None:
        """Every role that somebody has."""

        async def work(services: Services) -> None:
            views = await services.queries.ask(ListRoles(), session.administrator)
            if json:
                print_json(views)
                return
            table = Table("subject", "role", "in", "since")
            for view in views:
                table.add_row(view.subject, view.role, view.resource or "the organisation", brief(view.granted_at))
            session.out.print(table)

        session.run(READING, work)

    @group.command()
    def grant(
        subject: Subject, role: Annotated[Role, typer.Argument(help="What it may do.")], resource: Resource = ""
    ) -> None:
        """Give a role in place of what the subject had there."""

        async def work(services: Services) -> None:
            command = GrantRole(subject=subject, role=role, resource=resource)
            await services.commands.send(command, session.administrator)
            session.out.print(f"{subject} is {role.value} of {resource or 'the organisation'}", markup=False)

        session.run(WORKING, work)

    @group.command()
    def revoke(subject: Subject, resource: Resource = "") -> None:
        """Take a role away."""

        async def work(services: Services) -> None:
            await services.commands.send(RevokeRole(subject=subject, resource=resource), session.administrator)
            session.out.print(f"{subject} has no role in {resource or 'the organisation'} any more", markup=False)

        session.run(WORKING, work)

    return group
