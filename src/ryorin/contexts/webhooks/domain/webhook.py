"""The aggregate of a webhook, and how its messages are signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import ClassVar

from ryorin.contexts.webhooks.errors import WebhookNotFound
from ryorin.contexts.webhooks.events import WebhookPut, WebhookRemoved
from ryorin.contexts.webhooks.specs import Message, WebhookSpec
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId

PREFIX = "whsec_"


class RegisteredWebhook(Aggregate):
    """Somebody who is told."""

    stream_type: ClassVar[str] = "webhook"

    def __init__(self, org_id: OrgId, webhook: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, webhook))
        self.webhook = webhook
        self.spec: WebhookSpec | None = None

    def put(self, spec: WebhookSpec, author: str) -> None:
        """Tell somebody so; what is so already changes nothing."""
        if spec != self.spec:
            self.record(WebhookPut(self.webhook, spec, author))

    def remove(self) -> None:
        """Tell nobody any more; raises WebhookNotFound."""
        if self.spec is None:
            raise WebhookNotFound(f"there is no webhook {self.webhook!r}")
        self.record(WebhookRemoved(self.webhook))

    def apply(self, event: Event) -> None:
        self.spec = event.spec if isinstance(event, WebhookPut) else None


def body_of(message: Message) -> bytes:
    """What is sent: type, time and data (Standard Webhooks, section on payloads)."""
    told = {"type": message.kind, "timestamp": message.timestamp, "data": message.data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, time and body (Standard Webhooks 1.0.0); `seconds` are those of the attempt.

    A secret `whsec_...` is base64, as the standard's libraries have it; another is taken as it is.
    """
    signed = f"{message_id}.{seconds}.".encode() + body
    found = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(found).decode()}"


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()
