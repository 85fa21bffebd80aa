"""Wires conversations: rows and texts on PostgreSQL, summaries by the models at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.adapters.postgres.committed_changes import PostgresCommittedChanges
from ryorin.adapters.postgres.conversations import PostgresConversations
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.answers.module import ChatModels
from ryorin.contexts.conversations.events import EVENTS
from ryorin.contexts.conversations.module import Keeper, command_handlers, query_handlers
from ryorin.contexts.conversations.queries import CONVERSATIONS_MODEL
from ryorin.kernel.bus import CommandBus, QueryBus
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.processes.conversations import ConversationMemory, ConversationSummaries
from ryorin.processes.freshness_check import FreshnessCheck


@dataclass(frozen=True, slots=True)
class Remembering:
    """What others use of conversations; the buses are there once everything is built."""

    base: Foundation
    store: PostgresConversations
    keeper: Keeper
    queries: Callable[[], QueryBus]
    commands: Callable[[], CommandBus]

    def command_handlers(self) -> Mapping[type[Command], CommandHandler[Any, Any]]:
        """The write side's dispatch table."""
        return command_handlers(self.store, self.store, ConversationSummaries(self.queries))

    def query_handlers(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read side's dispatch table."""
        return query_handlers(self.store)

    def memory(self, models: ChatModels, default_model: str) -> ConversationMemory:
        """What questions in conversations go through."""
        changes = PostgresCommittedChanges(self.base.pool, [event.type for event in EVENTS], "conversation")
        check = FreshnessCheck(changes, self.base.positions, CONVERSATIONS_MODEL)
        return ConversationMemory(self.queries, self.commands, self.keeper, models, check, self.base.ids, default_model)


def build_conversations(
    base: Foundation, queries: Callable[[], QueryBus], commands: Callable[[], CommandBus]
) -> Remembering:
    """Connect conversations."""
    store = PostgresConversations(base.pool)
    return Remembering(base, store, Keeper(store), queries, commands)
