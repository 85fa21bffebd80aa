"""The files read model, as its projection writes it and as queries read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ryorin.contexts.files.events import FileKept
from ryorin.contexts.files.queries import FileView
from ryorin.kernel.messages import OrgId


class FileRows(Protocol):
    """Rows as the projection writes them."""

    async def put(self, org_id: OrgId, event: FileKept, at: datetime) -> None: ...

    async def remove(self, org_id: OrgId, file: str) -> None: ...


class FileReadModel(Protocol):
    """Questions to the rows."""

    async def get(self, org_id: OrgId, file: str) -> FileView | None: ...

    async def page(self, org_id: OrgId, purpose: str | None, after: str | None, limit: int) -> Sequence[FileView]:
        """Newest first."""
        ...
