"""What can be done to conversations: messages are saved, old ones summarised, all of it removed; settings are put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.conversations.turns import SavedMessage, check_id
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, RetryPolicy, Scope

MAX_SAVED = 100
HASH_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class ConversationChanged(Result):
    """The conversation, and how many messages it has."""

    conversation: str
    messages: int


@dataclass(frozen=True, slots=True)
class SettingsChanged(Result):
    """Whose settings were put."""

    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveMessages(Command):
    """Add messages to a conversation; the first ones begin it, and it belongs to who sends them.

    Their texts were stored before, under their hashes. Raises ConversationNotFound for somebody else's.
    """

    name: ClassVar[str] = "conversations.save_messages"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = ConversationChanged

    conversation: str
    messages: tuple[SavedMessage, ...]

    def validate(self) -> None:
        check_id(self.conversation)
        if not 1 <= len(self.messages) <= MAX_SAVED:
            raise InvalidInput(f"1-{MAX_SAVED} messages can be saved at once, not {len(self.messages)}")
        for message in self.messages:
            _check_hash(message.content_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummariseConversation(Command):
    """Summarise what was said up to a message, with a model; questions are then asked with the summary instead."""

    name: ClassVar[str] = "conversations.summarise"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = ConversationChanged
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "interactive"
    # a later turn asks for a summary again
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=3, cap_seconds=30.0)

    conversation: str
    up_to: int
    model: str

    def validate(self) -> None:
        check_id(self.conversation)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveConversation(Command):
    """Remove a conversation, and erase what was said. Raises ConversationNotFound."""

    name: ClassVar[str] = "conversations.remove"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = ConversationChanged

    conversation: str

    def validate(self) -> None:
        check_id(self.conversation)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSettings(Command):
    """Say what the sender prefers in conversations; the settings were stored before, under their hash."""

    name: ClassVar[str] = "conversations.put_settings"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = SettingsChanged

    content_hash: str

    def validate(self) -> None:
        _check_hash(self.content_hash)


COMMANDS: tuple[type[Command], ...] = (SaveMessages, SummariseConversation, RemoveConversation, PutSettings)


def _check_hash(content_hash: str) -> None:
    if len(content_hash) != HASH_CHARACTERS or not set(content_hash) <= set("0123456789abcdef"):
        raise InvalidInput(f"{content_hash[:80]!r} is no SHA-256 in hex")
