"""Answers what is asked about conversations; each is read by its owner only."""

from __future__ import annotations

from ryorin.contexts.conversations.errors import ConversationNotFound
from ryorin.contexts.conversations.ports import Conversations
from ryorin.contexts.conversations.queries import (
    ConversationPage,
    ConversationView,
    GetConversation,
    GetHistory,
    GetSettings,
    ListConversations,
)
from ryorin.contexts.conversations.turns import History, UserSettings
from ryorin.kernel.messages import Actor

# messages after the summary that are looked at: what is older fits into no model
MOST = 400


class ConversationQueries:
    """Handlers of the queries on conversations."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def listed(self, query: ListConversations, actor: Actor) -> tuple[ConversationView, ...]:
        """Handle `ListConversations`."""
        return tuple(await self._conversations.listed(actor.org_id, actor.principal_id, query.limit, query.before))

    async def one(self, query: GetConversation, actor: Actor) -> ConversationPage:
        """Handle `GetConversation`."""
        found = await self._conversations.page(
            actor.org_id, actor.principal_id, query.conversation, query.after, query.limit
        )
        if found is None:
            raise ConversationNotFound(f"there is no conversation {query.conversation!r} of yours")
        return found

    async def history(self, query: GetHistory, actor: Actor) -> History:
        """Handle `GetHistory`."""
        found = await self._conversations.history(actor.org_id, query.conversation, MOST)
        if found is None:
            return History(None, 0, ())
        owner, history = found
        if owner != actor.principal_id:
            raise ConversationNotFound(f"there is no conversation {query.conversation!r} of yours")
        return history

    async def settings(self, query: GetSettings, actor: Actor) -> UserSettings:
        """Handle `GetSettings`."""
        return await self._conversations.settings(actor.org_id, actor.principal_id)
