"""What webhooks need from outside: their rows, secrets, and a way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ryorin.contexts.webhooks.specs import Webhook, WebhookSpec
from ryorin.kernel.messages import OrgId


class WebhookRows(Protocol):
    """Rows as the projection writes them, and as it reads them while it tells of events."""

    async def put(self, org_id: OrgId, webhook: str, spec: WebhookSpec) -> None: ...

    async def remove(self, org_id: OrgId, webhook: str) -> None: ...

    async def all(self, org_id: OrgId) -> Sequence[Webhook]: ...


class Webhooks(Protocol):
    """Webhooks as they are read."""

    async def all(self, org_id: OrgId) -> Sequence[Webhook]:
        """By name."""
        ...


class SigningSecrets(Protocol):
    """Secrets by reference."""

    def read(self, reference: str) -> str | None:
        """The secret now; None when the reference leads nowhere."""
        ...


class Sender(Protocol):
    """Posts to public addresses."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status that was answered; raises Unavailable, and UrlRefused for addresses that are not public."""
        ...
