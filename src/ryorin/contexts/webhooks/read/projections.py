"""Events to rows of webhooks."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.webhooks.events import WebhookPut, WebhookRemoved
from ryorin.contexts.webhooks.ports import WebhookRows
from ryorin.contexts.webhooks.queries import WEBHOOKS_MODEL
from ryorin.kernel.events import RecordedEvent


class WebhooksProjection:
    """Feeds the read model of webhooks."""

    name = WEBHOOKS_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: WebhookRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            match recorded.event:
                case WebhookPut() as event:
                    await rows.put(recorded.stream.org_id, event.webhook, event.spec)
                case WebhookRemoved() as event:
                    await rows.remove(recorded.stream.org_id, event.webhook)
