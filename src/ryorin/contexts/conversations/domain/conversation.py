"""The aggregates of conversations."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.conversations.errors import ConversationNotFound
from ryorin.contexts.conversations.events import (
    ConversationRemoved,
    ConversationStarted,
    ConversationSummarised,
    MessagesSaved,
    SettingsPut,
)
from ryorin.contexts.conversations.turns import SavedMessage
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Conversation(Aggregate):
    """What was said, in order, and by whose leave."""

    stream_type: ClassVar[str] = "conversation"

    def __init__(self, org_id: OrgId, conversation: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, conversation))
        self.conversation = conversation
        self.owner: str | None = None
        self.messages = 0
        self.summarised = 0
        self.removed = False

    def save(self, principal: str, messages: tuple[SavedMessage, ...]) -> None:
        """Add messages, beginning the conversation if it is new; raises ConversationNotFound for somebody else's."""
        if self.owner is None and not self.removed:
            self.record(ConversationStarted(self.conversation, principal))
        self.belongs_to(principal)
        self.record(MessagesSaved(self.conversation, self.messages + 1, messages))

    def summarise(self, principal: str, up_to: int, content_hash: str) -> None:
        """Note a summary; one that reaches no further than what is known changes nothing."""
        self.belongs_to(principal)
        if self.summarised < up_to <= self.messages:
            self.record(ConversationSummarised(self.conversation, up_to, content_hash))

    def remove(self, principal: str) -> None:
        """Take it away for good; raises ConversationNotFound."""
        self.belongs_to(principal)
        self.record(ConversationRemoved(self.conversation))

    def belongs_to(self, principal: str) -> None:
        """Raise ConversationNotFound unless it is there and the principal's; nobody learns of others' conversations."""
        if self.owner != principal:
            raise ConversationNotFound(f"there is no conversation {self.conversation!r} of yours")

    def apply(self, event: Event) -> None:
        match event:
            case ConversationStarted():
                self.owner = event.owner
            case MessagesSaved():
                self.messages += len(event.messages)
            case ConversationSummarised():
                self.summarised = event.up_to
            case ConversationRemoved():
                self.owner, self.removed = None, True


class Preferences(Aggregate):
    """What one user prefers."""

    stream_type: ClassVar[str] = "user_settings"

    def __init__(self, org_id: OrgId, principal: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, principal))
        self.principal = principal
        self.content_hash: str | None = None

    def put(self, content_hash: str) -> None:
        """Prefer something else."""
        if content_hash != self.content_hash:
            self.record(SettingsPut(self.principal, content_hash))

    def apply(self, event: Event) -> None:
        if isinstance(event, SettingsPut):
            self.content_hash = event.content_hash
