"""What can be asked about identities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ryorin.kernel.messages import Query, Scope

KEYS_MODEL = "identity.keys"


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """A key as its organisation sees it; the secret is not known to anyone here."""

    prefix: str
    label: str
    scopes: tuple[str, ...]
    user: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys(Query[tuple[ApiKeyView, ...]]):
    """Which keys has the organisation?"""

    name: ClassVar[str] = "identity.list_api_keys"
    scope: ClassVar[Scope] = Scope.ADMIN
    read_models: ClassVar[tuple[str, ...]] = (KEYS_MODEL,)


@dataclass(frozen=True, slots=True)
class UserView:
    """A user of the organisation: a person or a service account."""

    user: str
    display_name: str
    created_at: datetime
    kind: str = "person"
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantView:
    """A role that somebody has; resource "" is the organisation."""

    subject: str
    role: str
    resource: str
    granted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRoles(Query[tuple[GrantView, ...]]):
    """Who has which role? Of one resource, or all."""

    name: ClassVar[str] = "identity.list_roles"
    scope: ClassVar[Scope] = Scope.ADMIN
    read_models: ClassVar[tuple[str, ...]] = (KEYS_MODEL,)

    resource: str | None = None

    def touches(self) -> str:
        return self.resource or ""


@dataclass(frozen=True, slots=True)
class SelfView:
    """Who the asker is here, and what he may do; `held` are scopes in single resources."""

    organisation: str
    principal: str
    scopes: tuple[str, ...]
    held: tuple[tuple[str, str], ...]
    reads_as: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI(Query[SelfView]):
    """What is known of the asker? For everybody with a credential."""

    name: ClassVar[str] = "identity.who_am_i"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ

    def needs(self) -> tuple[Scope, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation and its users."""

    organisation: str
    display_name: str
    users: tuple[UserView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrganisation(Query[OrganisationView]):
    """What is the actor's organisation called, and who belongs to it?"""

    name: ClassVar[str] = "identity.get_organisation"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_READ
    read_models: ClassVar[tuple[str, ...]] = (KEYS_MODEL,)
