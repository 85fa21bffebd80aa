"""What can be asked about webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.webhooks.specs import Webhook
from ryorin.kernel.messages import Query, Scope

WEBHOOKS_MODEL = "webhooks.webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhooks(Query[tuple[Webhook, ...]]):
    """Who is told of what? By name."""

    name: ClassVar[str] = "webhooks.list"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    read_models: ClassVar[tuple[str, ...]] = (WEBHOOKS_MODEL,)
