"""What can be asked of identity: organisations, users and API keys are created and revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

MAX_NAME_CHARACTERS = 200
MAX_GROUPS = 100


def _check_name(kind: str, name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidInput(f"{kind} name {name[:60]!r} must have 1-{MAX_NAME_CHARACTERS} printable characters")


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
        _check_name("organisation", self.display_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser(Command):
    """Add a user to the actor's organisation."""

    name: ClassVar[str] = "identity.create_user"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    user: str
    display_name: str

    def validate(self) -> None:
        _check_name("user", self.user)
        _check_name("user", self.display_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey(Command):
    """Add an API key; its secret was made by the sender and only its hash is here.

    Whoever holds it reads documents as `user` and as a member of `groups`.
    """

    name: ClassVar[str] = "identity.create_api_key"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    prefix: str
    secret_hash: str
    label: str
    scopes: tuple[Scope, ...]
    user: str = ""
    groups: tuple[str, ...] = ()
    expires_at: datetime | None = None

    def validate(self) -> None:
        _check_name("key", self.label)
        for kind, name in (
            *(("user", name) for name in (self.user,) if name),
            *(("group", one) for one in self.groups),
        ):
            _check_name(kind, name)
        if len(self.groups) > MAX_GROUPS:
            raise InvalidInput(f"a key has at most {MAX_GROUPS} groups; {len(self.groups)} were given")
        if not self.scopes:
            known = ", ".join(scope.value for scope in Scope)
            raise InvalidInput(f"a key needs at least one scope of {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey(Command):
    """End an API key at once."""

    name: ClassVar[str] = "identity.revoke_api_key"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = IdentityChanged

    prefix: str


COMMANDS: tuple[type[Command], ...] = (CreateOrganisation, CreateUser, CreateApiKey, RevokeApiKey)
