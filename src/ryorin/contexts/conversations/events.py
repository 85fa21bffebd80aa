"""What happened to conversations; texts are named by their hashes, so that they can be erased beside the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.conversations.turns import SavedMessage
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ConversationStarted(Event):
    """A conversation is there; it belongs to the principal who began it."""

    type: ClassVar[str] = "conversations.started"

    conversation: str
    owner: str


@dataclass(frozen=True, slots=True)
class MessagesSaved(Event):
    """Messages were said, one after the other; the first one has this number."""

    type: ClassVar[str] = "conversations.messages_saved"

    conversation: str
    first: int
    messages: tuple[SavedMessage, ...]


@dataclass(frozen=True, slots=True)
class ConversationSummarised(Event):
    """What was said up to a message was summarised."""

    type: ClassVar[str] = "conversations.summarised"

    conversation: str
    up_to: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class ConversationRemoved(Event):
    """A conversation is gone, and its texts are erased."""

    type: ClassVar[str] = "conversations.removed"

    conversation: str


@dataclass(frozen=True, slots=True)
class SettingsPut(Event):
    """A user prefers something else; what, lies where it can be erased."""

    type: ClassVar[str] = "conversations.settings_put"

    principal: str
    content_hash: str


EVENTS: tuple[type[Event], ...] = (
    ConversationStarted,
    MessagesSaved,
    ConversationSummarised,
    ConversationRemoved,
    SettingsPut,
)
