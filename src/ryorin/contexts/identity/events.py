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
    kind: str = "person"


@dataclass(frozen=True, slots=True)
class UserRemoved(Event):
    """A user has no rights any more."""

    type: ClassVar[str] = "identity.user_removed"

    user: str


@dataclass(frozen=True, slots=True)
class RoleGranted(Event):
    """A subject has a role in a resource ("": in the organisation), instead of any it had there."""

    type: ClassVar[str] = "identity.role_granted"

    subject: str
    role: str
    resource: str


@dataclass(frozen=True, slots=True)
class RoleRevoked(Event):
    """A subject has no role in a resource any more."""

    type: ClassVar[str] = "identity.role_revoked"

    subject: str
    resource: str


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


@dataclass(frozen=True, slots=True)
class ApiKeyReplaced(Event):
    """A key was rotated: another has its rights, and it ends at a time."""

    type: ClassVar[str] = "identity.api_key_replaced"

    prefix: str
    successor: str
    ends_at: datetime


EVENTS: tuple[type[Event], ...] = (
    OrganisationNamed,
    UserAdded,
    UserRemoved,
    RoleGranted,
    RoleRevoked,
    ApiKeyCreated,
    ApiKeyReplaced,
    ApiKeyRevoked,
)
