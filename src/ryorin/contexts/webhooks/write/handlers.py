"""Use cases of webhooks."""

from __future__ import annotations

from ryorin.contexts.webhooks.commands import (
    DeliverMessage,
    MessageDelivered,
    PutWebhook,
    RemoveWebhook,
    WebhookChanged,
)
from ryorin.contexts.webhooks.domain.webhook import RegisteredWebhook, body_of, signature
from ryorin.contexts.webhooks.errors import WebhookFailed, WebhookRefused
from ryorin.contexts.webhooks.ports import Sender, SigningSecrets, Webhooks
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import Clock, UnitOfWork

GOOD = range(200, 300)
# who answers so may answer otherwise later; every other 4xx stays what it is
LATER = (408, 409, 425, 429)
SERVER_ERROR = 500
CONTENT_TYPE = "application/json"


class PutWebhookHandler(CommandHandler[PutWebhook, None]):
    """Puts a webhook, if its secret is there."""

    def __init__(self, secrets: SigningSecrets) -> None:
        self._secrets = secrets

    async def prepare(self, command: PutWebhook, run: Run) -> None:
        if self._secrets.read(command.spec.secret) is None:
            raise InvalidInput(f"there is nothing under {command.spec.secret!r} on this server: set it first")

    async def decide(self, command: PutWebhook, prepared: None, run: Run, work: UnitOfWork) -> WebhookChanged:
        webhook = await work.load(RegisteredWebhook(run.actor.org_id, command.webhook))
        webhook.put(command.spec, run.actor.principal_id)
        await work.save(webhook)
        return WebhookChanged(command.webhook)


class RemoveWebhookHandler(CommandHandler[RemoveWebhook, None]):
    """Takes a webhook away."""

    async def decide(self, command: RemoveWebhook, prepared: None, run: Run, work: UnitOfWork) -> WebhookChanged:
        webhook = await work.load(RegisteredWebhook(run.actor.org_id, command.webhook))
        webhook.remove()
        await work.save(webhook)
        return WebhookChanged(command.webhook)


class DeliverMessageHandler(CommandHandler[DeliverMessage, int | None]):
    """Sends an event, signed anew with each attempt."""

    def __init__(self, webhooks: Webhooks, secrets: SigningSecrets, sender: Sender, clock: Clock) -> None:
        self._webhooks = webhooks
        self._secrets = secrets
        self._sender = sender
        self._clock = clock

    async def prepare(self, command: DeliverMessage, run: Run) -> int | None:
        known = await self._webhooks.all(run.actor.org_id)
        webhook = next((one for one in known if one.name == command.webhook), None)
        if webhook is None:
            return None
        secret = self._secrets.read(webhook.spec.secret)
        if secret is None:
            raise WebhookFailed(f"webhook {webhook.name!r}: there is nothing under {webhook.spec.secret!r} any more")
        body, seconds = body_of(command.message), int(self._clock.now().timestamp())
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": command.message.id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(secret, command.message.id, seconds, body),
        }
        status = await self._sender.post(webhook.spec.url, body, headers)
        if status in GOOD:
            return status
        told = f"webhook {webhook.name!r}: its receiver answered {status}"
        if status >= SERVER_ERROR or status in LATER:
            raise WebhookFailed(told)
        raise WebhookRefused(told)

    async def decide(
        self, command: DeliverMessage, prepared: int | None, run: Run, work: UnitOfWork
    ) -> MessageDelivered:
        return MessageDelivered(command.webhook, prepared)
