"""Commands that failed for good: corrected and tried again, by API and command line."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.operations.commands import RetryCommand
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from ryorin.kernel.messages import Actor, OrgId, Scope
from tests.steps import ADMIN, put

OPERATOR = replace(ADMIN, scopes=frozenset({Scope.OPERATIONS}))


async def refused(app: App) -> UUID:
    """A command that failed because its document is none."""
    view = await put(app, "report", "# Report\n\nAll is well.\n", filename="report.pdf")
    assert (view.state, view.ended) == ("failed", True)
    return UUID(view.id)


async def retry(app: App, command: UUID, actor: Actor = ADMIN, **changes: object) -> CommandView:
    await app.services.commands.send(RetryCommand(id=command, changes=changes or None), actor)
    return await app.services.queries.ask(GetCommand(id=command, wait_seconds=30), ADMIN)


async def test_as_it_was_it_fails_again_and_corrected_it_is_done(app: App) -> None:
    command = await refused(app)
    again = await retry(app, command, OPERATOR)
    assert (again.state, again.payload["filename"]) == ("failed", "report.pdf")

    done = await retry(app, command, filename="report.md")

    assert (done.state, done.attempts, done.payload["filename"]) == ("succeeded", 1, "report.md")


async def test_what_it_does_not_have_or_take_is_refused_and_changes_nothing(app: App) -> None:
    command = await refused(app)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"file": "report.md"}, "no field file; it has .*filename"),
        ({"filename": 7}, "7"),
        ({"tags": [""]}, "tag"),
        ({}, "names no field"),
    ]
    for changes, said in wrong:
        with pytest.raises(InvalidInput, match=said):
            await app.services.commands.send(RetryCommand(id=command, changes=changes), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=command), ADMIN)
    assert (view.state, view.payload["filename"]) == ("failed", "report.pdf")


async def test_only_administrators_of_its_organisation_change_a_command(app: App) -> None:
    command = await refused(app)
    with pytest.raises(Forbidden):
        await retry(app, command, OPERATOR, filename="report.md")
    with pytest.raises(NotFound):
        await retry(app, command, replace(ADMIN, org_id=OrgId("other")), filename="report.md")
    with pytest.raises(NotFound):
        await retry(app, uuid4(), ADMIN, filename="report.md")

    await retry(app, command, filename="report.md")
    with pytest.raises(Conflict, match="succeeded and cannot be retried"):
        await retry(app, command, filename="other.md")
