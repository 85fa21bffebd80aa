"""Events to rows of conversations."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.conversations.events import (
    ConversationRemoved,
    ConversationStarted,
    ConversationSummarised,
    MessagesSaved,
    SettingsPut,
)
from ryorin.contexts.conversations.ports import ConversationRows
from ryorin.contexts.conversations.queries import CONVERSATIONS_MODEL
from ryorin.kernel.events import RecordedEvent


class ConversationsProjection:
    """Feeds the read model of conversations."""

    name = CONVERSATIONS_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: ConversationRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            org_id, at = recorded.stream.org_id, recorded.recorded_at
            match recorded.event:
                case ConversationStarted() as event:
                    await rows.start(org_id, event.conversation, event.owner, at)
                case MessagesSaved() as event:
                    await rows.save(org_id, event.conversation, event.first, event.messages, at)
                case ConversationSummarised() as event:
                    await rows.summarise(org_id, event.conversation, event.up_to, event.content_hash)
                case ConversationRemoved() as event:
                    await rows.remove(org_id, event.conversation)
                case SettingsPut() as event:
                    await rows.put_settings(org_id, event.principal, event.content_hash)
                case _:
                    pass
