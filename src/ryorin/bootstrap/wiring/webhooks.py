"""Wires webhooks: rows on PostgreSQL, secrets of the server, and a way out to public addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from ryorin.adapters.local.secrets import LocalSecrets
from ryorin.adapters.postgres.webhooks import PostgresWebhooks
from ryorin.adapters.web.sender import WebSender
from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.webhooks import module as webhooks
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query


@dataclass(frozen=True, slots=True)
class Telling:
    """What others use of webhooks."""

    ports: webhooks.Ports

    def command_handlers(self) -> Mapping[type[Command], CommandHandler[Any, Any]]:
        """The write side."""
        return webhooks.command_handlers(self.ports)

    def query_handlers(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read side."""
        return webhooks.query_handlers(self.ports)


def build_webhooks(base: Foundation, settings: Settings, secrets: LocalSecrets, stack: AsyncExitStack) -> Telling:
    """Connect webhooks."""
    sender = WebSender(settings.fetch.allowed_hosts, settings.fetch.timeout)
    stack.push_async_callback(sender.close)
    return Telling(webhooks.Ports(PostgresWebhooks(base.pool), secrets, sender, base.clock))
