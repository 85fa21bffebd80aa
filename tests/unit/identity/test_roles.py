"""Who may give which role, and what roles allow."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ryorin.contexts.identity.commands import CreateApiKey, GrantRole
from ryorin.contexts.identity.domain.api_key import ApiKey
from ryorin.contexts.identity.domain.organisation import Organisation
from ryorin.contexts.identity.errors import KeyNotFound, RoleNotFound
from ryorin.contexts.identity.roles import Grant, Role, rights
from ryorin.contexts.knowledge.commands import CreateCollection
from ryorin.contexts.knowledge.queries import ListCollections
from ryorin.contexts.prompts.queries import ListPromptVersions
from ryorin.kernel.bus import authorised
from ryorin.kernel.errors import Conflict, Forbidden, InvalidInput
from ryorin.kernel.messages import Actor, OrgId, Scope

ORG = OrgId("acme")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def actor(*grants: Grant) -> Actor:
    scopes, held = rights(grants)
    return Actor(ORG, "user:alice", scopes, held=held)


OWNER = actor(Grant("user:alice", Role.OWNER))
ADMIN = actor(Grant("user:alice", Role.ADMIN))
CURATOR = actor(Grant("user:alice", Role.EDITOR, "collection:handbook"))


@pytest.mark.parametrize("role", list(Role))
def test_every_role_allows_what_the_one_before_does(role: Role) -> None:
    order = list(Role)
    held = actor(Grant("user:alice", role))

    for lesser in order[: order.index(role) + 1]:
        assert all(held.may(scope) for scope in lesser.scopes)
    for greater in order[order.index(role) + 1 :]:
        assert not all(held.may(scope) for scope in greater.scopes)


def test_a_role_in_one_collection_is_one_there_alone() -> None:
    authorised(CURATOR, CreateCollection(collection="handbook"))
    authorised(CURATOR, ListCollections())

    with pytest.raises(Forbidden, match="collection:payroll"):
        authorised(CURATOR, CreateCollection(collection="payroll"))
    with pytest.raises(Forbidden):
        authorised(CURATOR, ListPromptVersions(prompt="handbook"))


def test_an_admin_of_a_collection_gives_roles_there_and_makes_no_owners() -> None:
    held = actor(Grant("user:alice", Role.ADMIN, "collection:handbook"))

    authorised(held, GrantRole(subject="user:bob", role=Role.VIEWER, resource="collection:handbook"))
    for command in (
        GrantRole(subject="user:bob", role=Role.VIEWER),
        GrantRole(subject="user:bob", role=Role.VIEWER, resource="collection:payroll"),
        GrantRole(subject="user:bob", role=Role.OWNER, resource="collection:handbook"),
    ):
        with pytest.raises(Forbidden):
            authorised(held, command)


def test_nobody_makes_a_key_that_may_do_more_than_himself() -> None:
    command = CreateApiKey(prefix="a", secret_hash="b", label="c", scopes=(Scope.OWNER,))

    authorised(OWNER, command)
    with pytest.raises(Forbidden, match="'owner'"):
        authorised(ADMIN, command)


@pytest.mark.parametrize(
    ("subject", "resource"),
    [("alice", ""), ("key:x", ""), ("user:", ""), ("user:a", "document:x"), ("user:a", "prompt:")],
)
def test_roles_are_given_to_users_and_groups_in_collections_and_prompts(subject: str, resource: str) -> None:
    with pytest.raises(InvalidInput):
        GrantRole(subject=subject, role=Role.VIEWER, resource=resource).validate()


def test_an_organisation_keeps_an_owner() -> None:
    organisation = Organisation(ORG)
    organisation.grant("user:alice", Role.OWNER, "", OWNER)

    with pytest.raises(Conflict, match="last owner"):
        organisation.revoke("user:alice", "", OWNER)
    with pytest.raises(Conflict, match="last owner"):
        organisation.grant("user:alice", Role.VIEWER, "", OWNER)
    with pytest.raises(Conflict, match="last owner"):
        organisation.remove_user("alice", OWNER)
    organisation.grant("user:bob", Role.OWNER, "", OWNER)
    organisation.revoke("user:alice", "", OWNER)
    assert organisation.roles == {("user:bob", ""): Role.OWNER}


def test_only_owners_change_what_owners_are() -> None:
    organisation = Organisation(ORG)
    organisation.grant("user:alice", Role.OWNER, "", OWNER)
    organisation.grant("user:bob", Role.OWNER, "", OWNER)

    with pytest.raises(Forbidden, match="only owners"):
        organisation.revoke("user:bob", "", ADMIN)
    with pytest.raises(Forbidden, match="only owners"):
        organisation.remove_user("bob", ADMIN)


def test_a_removed_user_has_no_roles_and_may_be_added_again() -> None:
    organisation = Organisation(ORG)
    organisation.add_user("bob", "Bob", "person")
    organisation.grant("user:bob", Role.EDITOR, "collection:handbook", ADMIN)

    organisation.remove_user("bob", ADMIN)

    assert not organisation.roles
    organisation.add_user("bob", "Bob", "person")
    with pytest.raises(RoleNotFound):
        organisation.revoke("user:bob", "collection:handbook", ADMIN)


def key(prefix: str, *scopes: Scope) -> ApiKey:
    made = ApiKey(ORG, prefix)
    made.create(
        CreateApiKey(prefix=prefix, secret_hash="hash", label="site", scopes=scopes, user="alice", groups=("x",))
    )
    return made


def test_a_rotated_key_has_the_rights_of_the_one_before() -> None:
    old, new = key("old", Scope.ANSWERS_READ), ApiKey(ORG, "new")

    new.succeed(old, "other", None, ADMIN)
    old.end_at(NOW, new)

    assert new.made is not None and old.made is not None
    assert (new.made.scopes, new.made.user, new.made.groups) == (old.made.scopes, "alice", ("x",))
    assert new.made.secret_hash == "other"
    # until it ends it can be revoked at once
    old.revoke(ADMIN)
    with pytest.raises(KeyNotFound):
        ApiKey(ORG, "third").succeed(old, "other", None, ADMIN)


def test_only_owners_touch_keys_of_owners() -> None:
    old = key("old", Scope.OWNER)

    with pytest.raises(Forbidden):
        ApiKey(ORG, "new").succeed(old, "other", None, ADMIN)
    with pytest.raises(Forbidden):
        old.revoke(ADMIN)
    ApiKey(ORG, "new").succeed(old, "other", None, OWNER)
