"""Where events are sent, which ones, and with which secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ryorin.kernel.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# an event's type, or all of a context
PATTERN = re.compile(r"[a-z]+\.(\*|[a-z_]+)")
SECRET = re.compile(r"env:RYORIN_SECRET_[A-Z0-9_]{1,80}|file:[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_URL_CHARACTERS = 2000
MAX_EVENTS = 50


@dataclass(frozen=True, slots=True)
class WebhookSpec:
    """An address that is told of some events; `secret` says where what it is signed with is to be found."""

    url: str
    events: tuple[str, ...]
    secret: str

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of a type."""
        return kind in self.events or f"{kind.partition('.')[0]}.*" in self.events

    def validate(self) -> None:
        """Raise InvalidInput for what cannot be sent."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(self.url) > MAX_URL_CHARACTERS:
            raise InvalidInput(f"url {self.url[:80]!r} must be an http or https address")
        if parts.username or parts.password:
            raise InvalidInput("an address with a password in it would be shown to whoever lists webhooks")
        if not 1 <= len(self.events) <= MAX_EVENTS or not all(PATTERN.fullmatch(one) for one in self.events):
            raise InvalidInput("events are 1-50 types such as traffic.objective_level_changed, or traffic.* for all")
        if any(one.startswith("identity.") for one in self.events):
            raise InvalidInput("events of identity are not sent: they tell of credentials")
        if not SECRET.fullmatch(self.secret):
            raise InvalidInput("secret must be env:RYORIN_SECRET_NAME or file:NAME in the server's folder of secrets")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook by name."""

    name: str
    spec: WebhookSpec


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it is sent; `id` is the same each time that it is tried."""

    id: str
    kind: str
    timestamp: str
    data: Mapping[str, object]


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can name a webhook."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"webhook {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
