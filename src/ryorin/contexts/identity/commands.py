"""What can be asked of identity: organisations, users and API keys are created and revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ryorin.contexts.identity.roles import Role, check_grantee, check_name
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

MAX_GROUPS = 100
# how long the old key of a rotation may go on (seconds)
MAX_OVERLAP_SECONDS = 30 * 86_400
UserKind = Literal["person", "service"]


def _needed(given: Iterable[Scope]) -> tuple[Scope, ...]:
    """Nobody gives more than he has: only owners make what owners may do."""
    return (Scope.ADMIN, Scope.OWNER) if Scope.OWNER in given else (Scope.ADMIN,)


@dataclass(frozen=True, slots=True)
class IdentityChanged(Result):
    """The id of what was created or changed."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrganisation(Command):
    """Give the actor's organisation its name, creating it."""

    name: ClassVar[str] = "identity.create_organisation"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    display_name: str

    def validate(self) -> None:
        check_name("organisation", self.display_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser(Command):
    """Add a user to the actor's organisation: a person, or a service account that programs act as."""

    name: ClassVar[str] = "identity.create_user"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    user: str
    display_name: str
    kind: UserKind = "person"

    def validate(self) -> None:
        check_name("user", self.user)
        check_name("user", self.display_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveUser(Command):
    """End a user's rights: roles that were granted, keys, and tokens of an issuer are worth nothing from now on."""

    name: ClassVar[str] = "identity.remove_user"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey(Command):
    """Add an API key; its secret was made by the sender and only its hash is here.

    Whoever holds it reads documents as `user` and as a member of `groups`. Without scopes of its own it may do what the
    roles of these allow.
    """

    name: ClassVar[str] = "identity.create_api_key"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    prefix: str
    secret_hash: str
    label: str
    scopes: tuple[Scope, ...] = ()
    user: str = ""
    groups: tuple[str, ...] = ()
    expires_at: datetime | None = None

    def needs(self) -> tuple[Scope, ...]:
        return _needed(self.scopes)

    def validate(self) -> None:
        check_name("key", self.label)
        for kind, name in (
            *(("user", name) for name in (self.user,) if name),
            *(("group", one) for one in self.groups),
        ):
            check_name(kind, name)
        if len(self.groups) > MAX_GROUPS:
            raise InvalidInput(f"a key has at most {MAX_GROUPS} groups; {len(self.groups)} were given")
        if not self.scopes and not (self.user or self.groups):
            known = ", ".join(scope.value for scope in Scope)
            raise InvalidInput(f"a key needs a scope of {known}; or a user or group whose roles it has")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey(Command):
    """End an API key at once."""

    name: ClassVar[str] = "identity.revoke_api_key"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateApiKey(Command):
    """Replace a key by a new one with the same rights; the old one works `overlap_seconds` longer."""

    name: ClassVar[str] = "identity.rotate_api_key"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    prefix: str
    new_prefix: str
    secret_hash: str
    overlap_seconds: int = 0
    expires_at: datetime | None = None

    def validate(self) -> None:
        if not 0 <= self.overlap_seconds <= MAX_OVERLAP_SECONDS:
            raise InvalidInput(f"the old key may go on for 0 to {MAX_OVERLAP_SECONDS} seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRole(Command):
    """Give a user or a group a role in the organisation (resource ""), a collection or a prompt; one each."""

    name: ClassVar[str] = "identity.grant_role"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    subject: str
    role: Role
    resource: str = ""

    def needs(self) -> tuple[Scope, ...]:
        return _needed(self.role.scopes)

    def touches(self) -> str:
        return self.resource

    def validate(self) -> None:
        check_grantee(self.subject, self.resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeRole(Command):
    """Take a role away; that of an owner can be taken by owners only, and never the last one's."""

    name: ClassVar[str] = "identity.revoke_role"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    subject: str
    resource: str = ""

    def touches(self) -> str:
        return self.resource

    def validate(self) -> None:
        check_grantee(self.subject, self.resource)


COMMANDS: tuple[type[Command], ...] = (
    CreateOrganisation,
    CreateUser,
    RemoveUser,
    CreateApiKey,
    RotateApiKey,
    RevokeApiKey,
    GrantRole,
    RevokeRole,
)
