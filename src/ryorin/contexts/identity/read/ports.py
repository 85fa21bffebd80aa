"""What identity's read side needs: rows to write and a directory of keys to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ryorin.contexts.identity.events import ApiKeyCreated
from ryorin.contexts.identity.queries import ApiKeyView, OrganisationView
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


class KeyRows(Protocol):
    """Rows of the keys read model, inside a projection's transaction."""

    async def put_key(self, org_id: OrgId, event: ApiKeyCreated, at: datetime) -> None: ...

    async def revoke_key(self, org_id: OrgId, prefix: str, at: datetime) -> None: ...

    async def name_organisation(self, org_id: OrgId, display_name: str) -> None: ...

    async def put_user(self, org_id: OrgId, user: str, display_name: str, at: datetime) -> None: ...


class KeyDirectory(Protocol):
    """Questions to the keys read model."""

    async def find(self, prefix: str) -> StoredKey | None: ...

    async def any_usable(self) -> bool:
        """Whether a key exists at all that is not revoked."""
        ...

    async def list(self, org_id: OrgId) -> Sequence[ApiKeyView]: ...

    async def organisation(self, org_id: OrgId) -> OrganisationView: ...

    async def note_use(self, org_id: OrgId, prefix: str, at: datetime) -> None:
        """Record that a key was used; plain state, kept coarsely."""
        ...
