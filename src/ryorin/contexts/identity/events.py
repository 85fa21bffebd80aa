"""What happened to identities; no event holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class OrganisationNamed(Event):
    """The organisation goes by this name."""

    type: ClassVar[str] = "identity.organisation_named"

    display_name: str


@dataclass(frozen=True, slots=True)
class UserAdded(Event):
    """A user belongs to the organisation."""

    type: ClassVar[str] = "identity.user_added"

    user: str
    display_name: str


@dataclass(frozen=True, slots=True)
class ApiKeyCreated(Event):
    """A key may be used from here on."""

    type: ClassVar[str] = "identity.api_key_created"

    prefix: str
    secret_hash: str
    label: str
    scopes: tuple[str, ...]
    user: str
    expires_at: datetime | None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked(Event):
    """A key may no longer be used."""

    type: ClassVar[str] = "identity.api_key_revoked"

    prefix: str


EVENTS: tuple[type[Event], ...] = (OrganisationNamed, UserAdded, ApiKeyCreated, ApiKeyRevoked)
