"""Keys by role, service accounts, rotation and removal, on real read models."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.identity.commands import CreateApiKey, CreateUser, GrantRole, RemoveUser, RevokeRole, RotateApiKey
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR, Authenticator, VerifiedToken
from ryorin.contexts.identity.queries import GetOrganisation, ListApiKeys, ListRoles
from ryorin.contexts.identity.roles import Role
from ryorin.contexts.identity.secrets import NewKey, new_key
from ryorin.contexts.knowledge.queries import ListCollections
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import Forbidden, Unauthenticated
from ryorin.kernel.messages import Command, OrgId, Scope
from tests.steps import ADMIN, put, seen


class Clock:
    """The real time, and some more."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.ahead = timedelta()

    def now(self):  # type: ignore[no-untyped-def]
        return self._app.base.clock.now() + self.ahead


async def send(app: App, command: Command) -> None:
    receipt = await app.services.commands.send(command, ADMIN)
    await app.services.queries.ask(ListApiKeys(), ADMIN, Consistency(receipt.record.position, 20))


async def a_key(app: App, user: str = "", groups: tuple[str, ...] = (), scopes: tuple[Scope, ...] = ()) -> NewKey:
    key = new_key(os.urandom)
    await send(
        app,
        CreateApiKey(
            prefix=key.prefix, secret_hash=key.secret_hash, label="x", scopes=scopes, user=user, groups=groups
        ),
    )
    return key


def gate(app: App, clock: Clock | None = None) -> Authenticator:
    """A fresh one remembers nothing."""
    return Authenticator(app.keys, clock or app.base.clock, local=True)


async def test_a_service_account_does_what_its_roles_allow_as_long_as_it_has_them(app: App) -> None:
    await put(app, "a.md", "Text.", collection="handbook")
    other = await put(app, "b.md", "Text.", collection="payroll")
    await send(app, CreateUser(user="crawler", display_name="Crawler", kind="service"))
    key = await a_key(app, user="crawler", groups=("nightly",))

    assert not (await gate(app)(key.text)).may_somewhere(Scope.KNOWLEDGE_READ)

    await send(app, GrantRole(subject="group:nightly", role=Role.EDITOR, resource="collection:handbook"))
    actor = await gate(app)(key.text)
    collections = await app.services.queries.ask(ListCollections(), actor, seen(other))
    assert [one.collection for one in collections] == ["handbook"]
    assert (await put(app, "c.md", "More.", actor, collection="handbook")).state == "succeeded"
    with pytest.raises(Forbidden):
        await put(app, "c.md", "More.", actor, collection="payroll")

    await send(app, RevokeRole(subject="group:nightly", resource="collection:handbook"))
    with pytest.raises(Forbidden):
        await app.services.queries.ask(ListCollections(), await gate(app)(key.text))


async def test_who_was_removed_is_let_in_no_more_and_may_come_back(app: App) -> None:
    own, by_role = await a_key(app, user="bob", scopes=(Scope.ADMIN,)), await a_key(app, user="bob")
    await send(app, GrantRole(subject="user:bob", role=Role.ADMIN))

    await send(app, RemoveUser(user="bob"))

    for key in (own, by_role):
        with pytest.raises(Unauthenticated, match="removed"):
            await gate(app)(key.text)
    assert not await app.services.queries.ask(ListRoles(), ADMIN)
    await send(app, CreateUser(user="bob", display_name="Bob"))
    assert (await gate(app)(own.text)).may(Scope.ADMIN)
    assert not (await gate(app)(by_role.text)).may_somewhere(Scope.ANSWERS_READ)
    users = (await app.services.queries.ask(GetOrganisation(), ADMIN)).users
    assert [(one.user, one.removed_at) for one in users] == [("bob", None)]


async def test_a_rotated_key_goes_on_as_long_as_was_said(app: App) -> None:
    old, new, clock = await a_key(app, scopes=(Scope.ANSWERS_READ,)), new_key(os.urandom), Clock(app)

    await send(
        app,
        RotateApiKey(prefix=old.prefix, new_prefix=new.prefix, secret_hash=new.secret_hash, overlap_seconds=3600),
    )

    assert (await gate(app, clock)(new.text)).scopes == {"answers:read"}
    # remembered, too, a key ends when it ends
    remembering = gate(app, clock)
    assert (await remembering(old.text)).scopes == {"answers:read"}
    clock.ahead = timedelta(hours=1)
    for one in (remembering, gate(app, clock)):
        with pytest.raises(Unauthenticated, match="expired"):
            await one(old.text)


async def test_an_owner_by_role_is_an_admin_by_key(app: App) -> None:
    """Whoever made the key may still know it when its user becomes an owner."""
    key = await a_key(app, user="alice")
    await send(app, GrantRole(subject="user:alice", role=Role.OWNER))

    actor = await gate(app)(key.text)

    assert actor.may(Scope.ADMIN)
    assert not actor.may(Scope.OWNER)


class Tokens:
    """An issuer that signed what the test says."""

    def __init__(self, app: App, user: str, *roles: Role, groups: tuple[str, ...] = ()) -> None:
        ends = app.base.clock.now() + timedelta(minutes=1)
        self._told = VerifiedToken(OrgId("local"), user, groups, roles, ends)

    async def verify(self, token: str) -> VerifiedToken:
        return self._told


async def test_a_token_has_the_roles_it_says_and_those_that_were_granted_here(app: App) -> None:
    await send(app, GrantRole(subject="group:sales", role=Role.EDITOR, resource="collection:leads"))
    gate = Authenticator(
        app.keys, app.base.clock, local=True, tokens=Tokens(app, "sub-1", Role.VIEWER, groups=("sales",))
    )

    actor = await gate("a.b.c")

    assert (actor.principal_id, actor.readers) == ("user:sub-1", ("*", "group:sales", "user:sub-1"))
    assert actor.may(Scope.ANSWERS_READ)
    assert actor.may(Scope.KNOWLEDGE_WRITE, "collection:leads")
    assert not actor.may(Scope.KNOWLEDGE_WRITE, "collection:other")


async def test_a_token_is_worth_nothing_for_who_was_removed_or_is_a_program(app: App) -> None:
    await send(app, RemoveUser(user="sub-1"))
    await send(app, CreateUser(user="crawler", display_name="Crawler", kind="service"))

    for user, why in (("sub-1", "removed"), ("crawler", "service account")):
        gate = Authenticator(app.keys, app.base.clock, local=True, tokens=Tokens(app, user, Role.OWNER))
        with pytest.raises(Unauthenticated, match=why):
            await gate("a.b.c")


async def test_where_people_sign_in_nobody_is_let_in_unknown(app: App) -> None:
    assert await gate(app)(None) == LOCAL_ADMINISTRATOR

    with pytest.raises(Unauthenticated):
        await Authenticator(app.keys, app.base.clock, local=True, tokens=Tokens(app, "x"))(None)
