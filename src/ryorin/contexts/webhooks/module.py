"""Builds webhooks: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.contexts.webhooks import commands, queries
from ryorin.contexts.webhooks.ports import Sender, SigningSecrets, Webhooks
from ryorin.contexts.webhooks.read.projections import WebhooksProjection
from ryorin.contexts.webhooks.specs import Webhook
from ryorin.contexts.webhooks.write.handlers import (
    DeliverMessageHandler,
    PutWebhookHandler,
    RemoveWebhookHandler,
)
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import Clock

__all__ = ["Ports", "WebhooksProjection", "command_handlers", "query_handlers"]


@dataclass(frozen=True, slots=True)
class Ports:
    """What webhooks stand on."""

    webhooks: Webhooks
    secrets: SigningSecrets
    sender: Sender
    clock: Clock


def command_handlers(ports: Ports) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.PutWebhook: PutWebhookHandler(ports.secrets),
        commands.RemoveWebhook: RemoveWebhookHandler(),
        commands.DeliverMessage: DeliverMessageHandler(ports.webhooks, ports.secrets, ports.sender, ports.clock),
    }


def query_handlers(ports: Ports) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""

    async def listed(query: queries.ListWebhooks, actor: Actor) -> tuple[Webhook, ...]:
        return tuple(await ports.webhooks.all(actor.org_id))

    return {queries.ListWebhooks: listed}
