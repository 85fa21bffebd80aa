"""What prompts need from outside: their rows, and those as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ryorin.contexts.prompts.queries import PromptView
from ryorin.contexts.prompts.versions import PromptVersion
from ryorin.kernel.messages import OrgId


class PromptRows(Protocol):
    """Rows as the projection writes them; every process is told when the transaction commits."""

    async def add_version(self, org_id: OrgId, prompt: str, version: PromptVersion, created_at: datetime) -> None: ...

    async def move_label(self, org_id: OrgId, prompt: str, label: str, version: int) -> None: ...

    async def remove_label(self, org_id: OrgId, prompt: str, label: str) -> None: ...

    async def remove_prompt(self, org_id: OrgId, prompt: str) -> None: ...

    async def changed(self, org_id: OrgId, prompt: str) -> None:
        """Tell every process that remembers the prompt."""
        ...


class Prompts(Protocol):
    """Prompts as they are read; labels are remembered until a process is told that they moved."""

    async def listed(self, org_id: OrgId) -> Sequence[PromptView]:
        """By name."""
        ...

    async def labels(self, org_id: OrgId, prompt: str) -> Mapping[str, int] | None:
        """The version that each label names, `latest` among them; None: there is no such prompt."""
        ...

    async def version(self, org_id: OrgId, prompt: str, number: int) -> tuple[PromptVersion, datetime] | None:
        """A version, and when it was made."""
        ...

    async def versions(self, org_id: OrgId, prompt: str) -> Sequence[tuple[PromptVersion, datetime]]:
        """Newest first."""
        ...
