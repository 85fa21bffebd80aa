"""Events to rows of prompts."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.prompts.events import (
    PromptLabelMoved,
    PromptLabelRemoved,
    PromptRemoved,
    PromptVersionCreated,
)
from ryorin.contexts.prompts.ports import PromptRows
from ryorin.contexts.prompts.queries import PROMPTS_MODEL
from ryorin.kernel.events import RecordedEvent
from ryorin.kernel.messages import OrgId


class PromptsProjection:
    """Feeds the read model of prompts."""

    name = PROMPTS_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: PromptRows) -> None:
        """Write the rows of a batch, in order, and say which prompts are others now."""
        changed: dict[tuple[OrgId, str], None] = {}
        for recorded in events:
            org_id = recorded.stream.org_id
            match recorded.event:
                case PromptVersionCreated() as event:
                    await rows.add_version(org_id, event.prompt, event.version, recorded.recorded_at)
                case PromptLabelMoved() as event:
                    await rows.move_label(org_id, event.prompt, event.label, event.version)
                case PromptLabelRemoved() as event:
                    await rows.remove_label(org_id, event.prompt, event.label)
                case PromptRemoved() as event:
                    await rows.remove_prompt(org_id, event.prompt)
                case _:
                    continue
            changed[org_id, event.prompt] = None
        for org_id, prompt in changed:
            await rows.changed(org_id, prompt)
