"""Events to messages: for each webhook that wants one, a command that delivers it (ADR-0034)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from ryorin.contexts.webhooks.commands import DeliverMessage
from ryorin.contexts.webhooks.ports import WebhookRows
from ryorin.contexts.webhooks.specs import Message, Webhook
from ryorin.kernel.bus import CommandBus
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import IdempotencyKeyReused
from ryorin.kernel.events import RecordedEvent
from ryorin.kernel.messages import Actor, OrgId, Scope
from ryorin.kernel.ports import Clock

TELLER_MODEL = "webhooks.outbox"
TELLER = "service:webhooks"
# a projection that is built anew tells nobody of what is long known
NEWS = timedelta(days=1)
# what tells of a content: it can be erased in the log, and not in a message (ADR-0026)
UNSAID = frozenset(
    {"content_hash", "chunk_set", "filename", "url", "title", "metadata", "tags", "reason", "language", "add", "remove"}
)
# never sent, and not to be chosen: they tell of credentials, or of what is being told
UNTOLD = ("identity.", "webhooks.")


class WebhookTeller:
    """Follows the log; a message that is sent twice has the same idempotency key, and is delivered by one command."""

    name = TELLER_MODEL

    def __init__(self, bus: Callable[[], CommandBus], clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def apply(self, events: Sequence[RecordedEvent], rows: WebhookRows) -> None:
        """Have the news of a batch delivered."""
        oldest = self._clock.now() - NEWS
        known: dict[OrgId, Sequence[Webhook]] = {}
        for recorded in events:
            if recorded.recorded_at < oldest or recorded.event.type.startswith(UNTOLD):
                continue
            org_id = recorded.stream.org_id
            if org_id not in known:
                known[org_id] = await rows.all(org_id)
            for webhook in known[org_id]:
                if webhook.spec.wants(recorded.event.type):
                    await self._deliver(org_id, webhook, recorded)

    async def _deliver(self, org_id: OrgId, webhook: Webhook, recorded: RecordedEvent) -> None:
        message = Message(
            id=f"msg_{recorded.position}",
            kind=recorded.event.type,
            timestamp=recorded.recorded_at.isoformat(),
            data=_said(to_json(recorded.event)),
        )
        try:
            await self._bus().send(
                DeliverMessage(webhook=webhook.name, message=message),
                Actor(org_id, TELLER, frozenset({Scope.ADMIN})),
                idempotency_key=f"webhook:{webhook.name}:{message.id}",
            )
        except IdempotencyKeyReused:
            # it was sent by a version that tells of the event in other words
            return


def _said(found: object) -> dict[str, object]:
    assert isinstance(found, dict)  # an event is a dataclass
    return {name: value for name, value in found.items() if name not in UNSAID}
