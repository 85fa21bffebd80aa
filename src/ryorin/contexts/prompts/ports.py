"""What prompts need from outside: their rows, those as they are read, and a template engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ryorin.contexts.prompts.queries import PromptView
from ryorin.contexts.prompts.versions import LabelGate, PromptState, PromptVersion
from ryorin.kernel.messages import Actor, OrgId


class TemplateEngine(Protocol):
    """Templates with conditions and loops that can do nothing else, and end."""

    def names(self, text: str) -> Sequence[str]:
        """The variables that a template uses, in order; raises InvalidInput for one that cannot be read."""
        ...

    def render(self, text: str, values: Mapping[str, object]) -> str:
        """What it says with these values; raises InvalidInput."""
        ...


class Comparisons(Protocol):
    """What evaluations have shown of two versions."""

    async def shown(self, actor: Actor, prompt: str, candidate: int, current: int, gate: LabelGate) -> tuple[bool, str]:
        """Whether the candidate passed against the current version, and why."""
        ...


class PromptRows(Protocol):
    """Rows as the projection writes them; every process is told when the transaction commits."""

    async def add_version(self, org_id: OrgId, prompt: str, version: PromptVersion, created_at: datetime) -> None: ...

    async def move_label(self, org_id: OrgId, prompt: str, label: str, version: int) -> None: ...

    async def remove_label(self, org_id: OrgId, prompt: str, label: str) -> None: ...

    async def remove_prompt(self, org_id: OrgId, prompt: str) -> None: ...

    async def describe(
        self, org_id: OrgId, prompt: str, folder: str, tags: Sequence[str], description: str
    ) -> None: ...

    async def share(self, org_id: OrgId, prompt: str, readers: Sequence[str]) -> None: ...

    async def protect(self, org_id: OrgId, prompt: str, label: str, protected: bool) -> None: ...

    async def gate(self, org_id: OrgId, prompt: str, label: str, gate: LabelGate | None) -> None: ...

    async def changed(self, org_id: OrgId, prompt: str) -> None:
        """Tell every process that remembers the prompt."""
        ...


class Prompts(Protocol):
    """Prompts as they are read; labels are remembered until a process is told that they moved."""

    async def listed(self, org_id: OrgId) -> Sequence[PromptView]:
        """By name."""
        ...

    async def state(self, org_id: OrgId, prompt: str) -> PromptState | None:
        """Its labels and what it is besides its versions; None: there is no such prompt."""
        ...

    async def version(self, org_id: OrgId, prompt: str, number: int) -> tuple[PromptVersion, datetime] | None:
        """A version, and when it was made."""
        ...

    async def versions(
        self, org_id: OrgId, prompts: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[PromptVersion, datetime]]]:
        """Newest first, by prompt."""
        ...
