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
    """A user of the organisation."""

    user: str
    display_name: str
    created_at: datetime


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
