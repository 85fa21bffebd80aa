"""`ryorin audit`: who changed what, when, from where."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from ryorin.contexts.operations.queries import ReadAuditLog
from ryorin.entrypoints.cli.session import READING, Session
from ryorin.entrypoints.services import Services
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import LogPosition


def add(cli: typer.Typer, session: Session) -> None:
    """Add the command."""

    @cli.command("audit")
    def audit_command(
        since: Annotated[str, typer.Option(help="The first moment: 2026-11-22 or 2026-11-22T09:00Z.")] = "",
        until: Annotated[str, typer.Option(help="The moment after the last.")] = "",
        who: Annotated[str, typer.Option(help="A principal, or how it begins: user:alice, key:.")] = "",
        what: Annotated[str, typer.Option(help="An event, or how it begins: identity.")] = "",
    ) -> None:
        """Write the audit log, a JSON object a line, oldest first."""
        question = ReadAuditLog(since=_moment("since", since), until=_moment("until", until), who=who, what=what)

        async def work(services: Services) -> None:
            asked = question
            while page := await services.queries.ask(asked, session.administrator):
                for entry in page:
                    print(json.dumps(to_json(entry), ensure_ascii=False))  # noqa: T201 - this is the output
                asked = replace(asked, after=LogPosition.parse(page[-1].position))

        session.run(READING, work)


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"--{name} {text!r} is no moment; write it as 2026-11-22 or 2026-11-22T09:00Z") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
