"""Who changed what, straight from the event log."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.identity.commands import CreateApiKey, GrantRole
from ryorin.contexts.identity.roles import Role
from ryorin.contexts.identity.secrets import new_key
from ryorin.contexts.operations.queries import AuditEntry, ReadAuditLog
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, OrgId, Scope
from ryorin.kernel.waiting import arrived
from tests.steps import ADMIN, put


async def read(app: App, query: ReadAuditLog, actor: Actor = ADMIN) -> tuple[AuditEntry, ...]:
    return await app.services.queries.ask(query, actor)


async def test_every_change_names_who_made_it_through_which_command_and_from_where(app: App) -> None:
    arrived("192.0.2.7")
    view = await put(app, "a.md", "Text.", replace(ADMIN, principal_id="user:alice"))

    entries = await read(app, ReadAuditLog(what="knowledge."))

    assert entries
    assert {(one.who, one.source, one.command) for one in entries} == {("user:alice", "192.0.2.7", view.id)}
    assert [one.position for one in entries] == sorted((one.position for one in entries), key=LogPosition.parse)
    # texts are not in the log
    assert "Text." not in str(entries)


async def test_the_log_is_cut_by_time_person_event_and_page(app: App) -> None:
    for name in ("a", "b", "c"):
        command = GrantRole(subject=f"user:{name}", role=Role.VIEWER)
        await app.services.commands.send(command, replace(ADMIN, principal_id=f"user:{name}"))
    every = await read(app, ReadAuditLog())
    first, second, third = every

    assert [one.details["subject"] for one in every] == ["user:a", "user:b", "user:c"]
    assert await read(app, ReadAuditLog(who="user:b")) == (second,)
    assert await read(app, ReadAuditLog(what="identity.role_granted", limit=2)) == (first, second)
    assert await read(app, ReadAuditLog(after=LogPosition.parse(second.position))) == (third,)
    assert await read(app, ReadAuditLog(since=second.at, until=third.at)) == (second,)
    assert await read(app, ReadAuditLog(since=third.at + timedelta(hours=1))) == ()


async def test_secrets_and_others_are_not_in_it(app: App) -> None:
    key = new_key(os.urandom)
    command = CreateApiKey(prefix=key.prefix, secret_hash=key.secret_hash, label="x", scopes=(Scope.ADMIN,))
    await app.services.commands.send(command, ADMIN)

    (entry,) = await read(app, ReadAuditLog())

    assert entry.details["label"] == "x"
    assert key.secret_hash not in str(entry)
    assert await read(app, ReadAuditLog(), Actor(OrgId("other"), "user:eve", frozenset({"owner"}))) == ()
    with pytest.raises(Forbidden):
        await read(app, ReadAuditLog(), Actor(OrgId("local"), "user:eve", frozenset({"operations"})))


async def test_a_moment_needs_a_time_zone(app: App) -> None:
    (entry,) = [await put(app, "a.md", "Text.")][:1]

    with pytest.raises(InvalidInput, match="time zone"):
        await read(app, ReadAuditLog(since=entry.accepted_at.replace(tzinfo=None)))
