"""Wires what stands beside knowledge and answers, and what of it answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from ryorin.bootstrap.settings import Settings
from ryorin.bootstrap.wiring.annotation import Annotating, build_annotation
from ryorin.bootstrap.wiring.conversations import Remembering, build_conversations
from ryorin.bootstrap.wiring.evaluation import Evaluating, build_evaluation
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.bootstrap.wiring.gateway import Gateway
from ryorin.bootstrap.wiring.traffic import Observing, build_traffic
from ryorin.bootstrap.wiring.webhooks import Telling, build_webhooks
from ryorin.kernel.bus import CommandBus, QueryBus
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.processes.semantic_hits import Embed


@dataclass(frozen=True, slots=True)
class Features:
    """Conversations, evaluations, traffic, webhooks and annotation."""

    remembering: Remembering
    evaluating: Evaluating
    observing: Observing
    telling: Telling
    annotating: Annotating

    def command_handlers(self) -> Mapping[type[Command], CommandHandler[Any, Any]]:
        """The write sides."""
        parts = self.remembering, self.evaluating, self.observing, self.telling, self.annotating
        return {kind: handler for part in parts for kind, handler in part.command_handlers().items()}

    def query_handlers(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read sides."""
        parts = self.remembering, self.evaluating, self.observing, self.telling, self.annotating
        return {kind: handler for part in parts for kind, handler in part.query_handlers().items()}


def build_features(
    base: Foundation,
    settings: Settings,
    gateway: Gateway,
    embed: Embed,
    queries: Callable[[], QueryBus],
    commands: Callable[[], CommandBus],
    stack: AsyncExitStack,
) -> Features:
    """Connect them; the buses are there once everything is built."""
    evaluating = build_evaluation(base, queries, settings.default_model, embed)
    return Features(
        build_conversations(base, queries, commands),
        evaluating,
        build_traffic(base, evaluating.scoring, embed, commands),
        build_webhooks(base, settings, gateway.secrets, stack),
        build_annotation(base, queries),
    )
