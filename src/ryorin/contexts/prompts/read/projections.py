"""Events to rows of prompts."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.prompts.events import (
    PromptDescribed,
    PromptLabelGated,
    PromptLabelMoved,
    PromptLabelProtected,
    PromptLabelRemoved,
    PromptRemoved,
    PromptShared,
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
            prompt = await _version_or_label(recorded, rows) or await _about(recorded, rows)
            if prompt is not None:
                changed[recorded.stream.org_id, prompt] = None
        for org_id, prompt in changed:
            await rows.changed(org_id, prompt)


async def _version_or_label(recorded: RecordedEvent, rows: PromptRows) -> str | None:
    """The prompt whose versions or labels are others; None: the event is about neither."""
    org_id, event = recorded.stream.org_id, recorded.event
    match event:
        case PromptVersionCreated():
            await rows.add_version(org_id, event.prompt, event.version, recorded.recorded_at)
        case PromptLabelMoved():
            await rows.move_label(org_id, event.prompt, event.label, event.version)
        case PromptLabelRemoved():
            await rows.remove_label(org_id, event.prompt, event.label)
        case PromptRemoved():
            await rows.remove_prompt(org_id, event.prompt)
        case _:
            return None
    return event.prompt


async def _about(recorded: RecordedEvent, rows: PromptRows) -> str | None:
    """The prompt of which something besides its versions is another; None: the event says nothing of it."""
    org_id, event = recorded.stream.org_id, recorded.event
    match event:
        case PromptDescribed():
            await rows.describe(org_id, event.prompt, event.folder, event.tags, event.description)
        case PromptShared():
            await rows.share(org_id, event.prompt, event.readers)
        case PromptLabelProtected():
            await rows.protect(org_id, event.prompt, event.label, event.protected)
        case PromptLabelGated():
            await rows.gate(org_id, event.prompt, event.label, event.gate)
        case _:
            return None
    return event.prompt
