"""What happened to webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.webhooks.specs import WebhookSpec
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class WebhookPut(Event):
    """Somebody is told from now on."""

    type: ClassVar[str] = "webhooks.put"

    webhook: str
    spec: WebhookSpec
    author: str


@dataclass(frozen=True, slots=True)
class WebhookRemoved(Event):
    """Somebody is told no more."""

    type: ClassVar[str] = "webhooks.removed"

    webhook: str


EVENTS: tuple[type[Event], ...] = (WebhookPut, WebhookRemoved)
