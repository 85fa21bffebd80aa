"""What can be asked about one's conversations and settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ryorin.contexts.conversations.turns import History, MessageView, UserSettings, check_id
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

CONVERSATIONS_MODEL = "conversations.conversations"
MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation; `title` is how its first message begins."""

    id: str
    title: str
    messages: int
    started_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """A conversation with some of its messages, oldest first; `summarised` of them are also in a summary."""

    conversation: ConversationView
    summarised: int
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConversations(Query[tuple[ConversationView, ...]]):
    """Which conversations does the asker have? The last used first."""

    name: ClassVar[str] = "conversations.list_conversations"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (CONVERSATIONS_MODEL,)

    limit: int = 50
    before: datetime | None = None

    def validate(self) -> None:
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConversation(Query[ConversationPage]):
    """What was said, after a message's number? Raises ConversationNotFound."""

    name: ClassVar[str] = "conversations.get_conversation"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (CONVERSATIONS_MODEL,)

    conversation: str
    after: int = 0
    limit: int = 100

    def validate(self) -> None:
        check_id(self.conversation)
        _check_limit(self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHistory(Query[History]):
    """What is a question in this conversation asked with? Nothing, if nothing was said yet.

    At most the newest messages are in it, after those that were summarised. Raises ConversationNotFound for somebody
    else's.
    """

    name: ClassVar[str] = "conversations.get_history"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (CONVERSATIONS_MODEL,)

    conversation: str

    def validate(self) -> None:
        check_id(self.conversation)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSettings(Query[UserSettings]):
    """What does the asker prefer?"""

    name: ClassVar[str] = "conversations.get_settings"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (CONVERSATIONS_MODEL,)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LISTED:
        raise InvalidInput(f"limit is {limit}; it must be 1-{MAX_LISTED}")
