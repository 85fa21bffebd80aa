"""What conversations need from outside: rows, those as they are read, erasable texts, somebody who summarises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ryorin.contexts.conversations.queries import ConversationPage, ConversationView
from ryorin.contexts.conversations.turns import History, MessageView, SavedMessage, UserSettings
from ryorin.kernel.messages import Actor, OrgId


class ConversationRows(Protocol):
    """Rows as the projection writes them."""

    async def start(self, org_id: OrgId, conversation: str, owner: str, at: datetime) -> None: ...

    async def save(
        self, org_id: OrgId, conversation: str, first: int, messages: Sequence[SavedMessage], at: datetime
    ) -> None: ...

    async def summarise(self, org_id: OrgId, conversation: str, up_to: int, content_hash: str) -> None: ...

    async def remove(self, org_id: OrgId, conversation: str) -> None:
        """With its texts."""
        ...

    async def put_settings(self, org_id: OrgId, principal: str, content_hash: str) -> None: ...


class Conversations(Protocol):
    """Conversations as their owners read them."""

    async def listed(
        self, org_id: OrgId, owner: str, limit: int, before: datetime | None
    ) -> Sequence[ConversationView]: ...

    async def page(
        self, org_id: OrgId, owner: str, conversation: str, after: int, limit: int
    ) -> ConversationPage | None: ...

    async def history(self, org_id: OrgId, conversation: str, most: int) -> tuple[str, History] | None:
        """The owner, and at most so many of the newest messages after the summarised ones."""
        ...

    async def settings(self, org_id: OrgId, principal: str) -> UserSettings: ...


class Texts(Protocol):
    """What was said, by its hash, for each conversation apart: who removes one erases it."""

    async def put(self, org_id: OrgId, conversation: str, texts: Sequence[str]) -> Sequence[str]:
        """Store texts; their hashes, in order."""
        ...

    async def messages(self, org_id: OrgId, conversation: str, after: int, up_to: int) -> Sequence[MessageView]:
        """Messages by number, as the read model has them."""
        ...

    async def has(self, org_id: OrgId, conversation: str, hashes: Sequence[str]) -> bool:
        """Whether all of them are stored."""
        ...


class Summariser(Protocol):
    """Says shortly what was said."""

    async def summary(self, earlier: str | None, messages: Sequence[MessageView], model: str, actor: Actor) -> str:
        """A summary of an earlier summary and the messages after it; raises what the model raises."""
        ...
