"""What identity's read side needs: rows to write and a directory of keys to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ryorin.contexts.identity.events import ApiKeyCreated, RoleGranted, UserAdded
from ryorin.contexts.identity.queries import ApiKeyView, GrantView, OrganisationView
from ryorin.contexts.identity.roles import Grant, Role
from ryorin.kernel.messages import OrgId


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as authentication needs it."""

    org_id: OrgId
    prefix: str
    secret_hash: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    user: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a user was removed, which kind he is of ("": nobody said), and the roles he has."""

    removed: bool
    kind: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says that its issuer signed; `roles` are ours, as the settings map the issuer's."""

    org_id: OrgId
    user: str
    groups: tuple[str, ...]
    roles: tuple[Role, ...]
    expires_at: datetime


class TokenVerifier(Protocol):
    """Checks tokens of an OpenID issuer."""

    async def verify(self, token: str) -> VerifiedToken:
        """Raises Unauthenticated for one that does not fit, Unavailable when its key cannot be had."""
        ...


class KeyRows(Protocol):
    """Rows of the keys read model, inside a projection's transaction."""

    async def put_key(self, org_id: OrgId, event: ApiKeyCreated, at: datetime) -> None: ...

    async def revoke_key(self, org_id: OrgId, prefix: str, at: datetime) -> None: ...

    async def name_organisation(self, org_id: OrgId, display_name: str) -> None: ...

    async def put_user(self, org_id: OrgId, event: UserAdded, at: datetime) -> None: ...

    async def remove_user(self, org_id: OrgId, user: str, at: datetime) -> None:
        """Note that a user has no rights, known before or not; his roles go."""
        ...

    async def put_role(self, org_id: OrgId, event: RoleGranted, at: datetime) -> None: ...

    async def remove_role(self, org_id: OrgId, subject: str, resource: str) -> None: ...

    async def end_key(self, org_id: OrgId, prefix: str, at: datetime) -> None:
        """Let a key end at a time, unless it ends before."""
        ...


class KeyDirectory(Protocol):
    """Questions to the keys read model."""

    async def find(self, prefix: str) -> StoredKey | None: ...

    async def any_usable(self) -> bool:
        """Whether a key exists at all that is not revoked."""
        ...

    async def standing(self, org_id: OrgId, user: str, groups: Sequence[str]) -> Standing:
        """What a user may do, by himself and as a member of groups."""
        ...

    async def roles(self, org_id: OrgId, resource: str | None) -> Sequence[GrantView]: ...

    async def list(self, org_id: OrgId) -> Sequence[ApiKeyView]: ...

    async def organisation(self, org_id: OrgId) -> OrganisationView: ...

    async def note_use(self, org_id: OrgId, prefix: str, at: datetime) -> None:
        """Record that a key was used; plain state, kept coarsely."""
        ...
