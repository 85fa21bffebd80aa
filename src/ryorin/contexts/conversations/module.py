"""Builds conversations: which handler answers which message, and how texts come to be stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ryorin.contexts.conversations import commands, queries
from ryorin.contexts.conversations.domain.packing import Packed, pack
from ryorin.contexts.conversations.ports import Conversations, Summariser, Texts
from ryorin.contexts.conversations.read.conversation_queries import ConversationQueries
from ryorin.contexts.conversations.read.projections import ConversationsProjection
from ryorin.contexts.conversations.turns import SavedMessage, TurnRole, UserSettings, check_id
from ryorin.contexts.conversations.write.handlers import (
    SETTINGS,
    PutSettingsHandler,
    RemoveConversationHandler,
    SaveMessagesHandler,
    SummariseConversationHandler,
)
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query, Scope

__all__ = ["ConversationsProjection", "Keeper", "Packed", "Texts", "command_handlers", "pack", "query_handlers"]

# a question has at most a fifth of this; an answer must not fail because it is long
MAX_CHARACTERS = 1_000_000
MAX_INSTRUCTIONS = 20_000
LEAST_HISTORY_TOKENS, MOST_HISTORY_TOKENS = 100, 1_000_000


class Keeper:
    """Stores texts where they can be erased, and makes the commands that name them."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def saving(
        self, actor: Actor, conversation: str, said: Sequence[tuple[TurnRole, str, str | None]]
    ) -> commands.SaveMessages:
        """The command that saves messages (role, text, answer's id); raises Forbidden and InvalidInput."""
        _allowed(actor)
        check_id(conversation)
        if not said or any(not text.strip() for _, text, _ in said):
            raise InvalidInput("a message must have text")
        if sum(len(text) for _, text, _ in said) > MAX_CHARACTERS:
            raise InvalidInput(f"messages are longer than {MAX_CHARACTERS} characters in all")
        if any("\x00" in text for _, text, _ in said):
            raise InvalidInput("a message holds a NUL character")
        hashes = await self._texts.put(actor.org_id, conversation, [text for _, text, _ in said])
        messages = tuple(
            SavedMessage(role, content_hash, answer)
            for (role, _, answer), content_hash in zip(said, hashes, strict=True)
        )
        return commands.SaveMessages(conversation=conversation, messages=messages)

    async def preferring(self, actor: Actor, settings: UserSettings) -> commands.PutSettings:
        """The command that puts settings; raises Forbidden and InvalidInput."""
        _allowed(actor)
        tokens = settings.history_tokens
        if tokens is not None and not LEAST_HISTORY_TOKENS <= tokens <= MOST_HISTORY_TOKENS:
            raise InvalidInput(f"history_tokens is {tokens}; it must be {LEAST_HISTORY_TOKENS}-{MOST_HISTORY_TOKENS}")
        if len(settings.instructions) > MAX_INSTRUCTIONS:
            raise InvalidInput(f"instructions have at most {MAX_INSTRUCTIONS} characters")
        stored = json.dumps(to_json(settings), ensure_ascii=False)
        return commands.PutSettings(content_hash=(await self._texts.put(actor.org_id, SETTINGS, [stored]))[0])


def _allowed(actor: Actor) -> None:
    if not actor.may(Scope.ANSWERS_READ):
        raise Forbidden(f"conversations need the scope {Scope.ANSWERS_READ.value!r}, which this credential lacks")


def command_handlers(
    conversations: Conversations, texts: Texts, summariser: Summariser
) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.SaveMessages: SaveMessagesHandler(texts),
        commands.SummariseConversation: SummariseConversationHandler(conversations, texts, summariser),
        commands.RemoveConversation: RemoveConversationHandler(),
        commands.PutSettings: PutSettingsHandler(texts),
    }


def query_handlers(conversations: Conversations) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    handlers = ConversationQueries(conversations)
    return {
        queries.ListConversations: handlers.listed,
        queries.GetConversation: handlers.one,
        queries.GetHistory: handlers.history,
        queries.GetSettings: handlers.settings,
    }
