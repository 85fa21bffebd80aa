"""What can be done: webhooks are put, and messages delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.webhooks.specs import Message, WebhookSpec, check_name
from ryorin.kernel.messages import Command, Result, RetryPolicy, Scope


@dataclass(frozen=True, slots=True)
class WebhookChanged(Result):
    """The webhook."""

    webhook: str


@dataclass(frozen=True, slots=True)
class MessageDelivered(Result):
    """What its receiver answered; None: the webhook is gone, and nobody was told."""

    webhook: str
    status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutWebhook(Command):
    """Tell somebody of events from now on, or tell otherwise."""

    name: ClassVar[str] = "webhooks.put"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = WebhookChanged

    webhook: str
    spec: WebhookSpec

    def validate(self) -> None:
        check_name(self.webhook)
        self.spec.validate()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWebhook(Command):
    """Tell somebody no more. Raises WebhookNotFound."""

    name: ClassVar[str] = "webhooks.remove"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = WebhookChanged

    webhook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverMessage(Command):
    """Send an event to a webhook: tried for about a day, then a dead letter."""

    name: ClassVar[str] = "webhooks.deliver"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = MessageDelivered
    queued: ClassVar[bool] = True
    # others may be slow to take them
    queue: ClassVar[str] = "webhooks"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=12, base_seconds=5.0, cap_seconds=21_600.0)

    webhook: str
    message: Message


COMMANDS: tuple[type[Command], ...] = (PutWebhook, RemoveWebhook, DeliverMessage)
