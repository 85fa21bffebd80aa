"""Use cases of conversations."""

from __future__ import annotations

from ryorin.contexts.conversations.commands import (
    ConversationChanged,
    PutSettings,
    RemoveConversation,
    SaveMessages,
    SettingsChanged,
    SummariseConversation,
)
from ryorin.contexts.conversations.domain.conversation import Conversation, Preferences
from ryorin.contexts.conversations.ports import Conversations, Summariser, Texts
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork

# messages that one summary can be made of
MOST = 400
# texts of settings lie apart from those of conversations, whose names cannot begin so
SETTINGS = "/settings"


class SaveMessagesHandler(CommandHandler[SaveMessages, None]):
    """Adds messages whose texts are stored."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def prepare(self, command: SaveMessages, run: Run) -> None:
        hashes = [message.content_hash for message in command.messages]
        if not await self._texts.has(run.actor.org_id, command.conversation, hashes):
            raise InvalidInput("a message's text is not stored; send it again")

    async def decide(self, command: SaveMessages, prepared: None, run: Run, work: UnitOfWork) -> ConversationChanged:
        conversation = await work.load(Conversation(run.actor.org_id, command.conversation))
        conversation.save(run.actor.principal_id, command.messages)
        await work.save(conversation)
        return ConversationChanged(command.conversation, conversation.messages)


class SummariseConversationHandler(CommandHandler[SummariseConversation, str | None]):
    """Has a model say shortly what was said; the hash of what it said, None where there is nothing new."""

    def __init__(self, conversations: Conversations, texts: Texts, summariser: Summariser) -> None:
        self._conversations = conversations
        self._texts = texts
        self._summariser = summariser

    async def prepare(self, command: SummariseConversation, run: Run) -> str | None:
        actor = run.actor
        found = await self._conversations.history(actor.org_id, command.conversation, MOST)
        if found is None or found[0] != actor.principal_id:
            return None
        history = found[1]
        if history.summarised >= command.up_to:
            return None
        messages = await self._texts.messages(actor.org_id, command.conversation, history.summarised, command.up_to)
        said = await self._summariser.summary(history.summary, messages, command.model, actor)
        return (await self._texts.put(actor.org_id, command.conversation, [said]))[0]

    async def decide(
        self, command: SummariseConversation, prepared: str | None, run: Run, work: UnitOfWork
    ) -> ConversationChanged:
        conversation = await work.load(Conversation(run.actor.org_id, command.conversation))
        conversation.belongs_to(run.actor.principal_id)
        if prepared is not None:
            conversation.summarise(run.actor.principal_id, command.up_to, prepared)
        await work.save(conversation)
        return ConversationChanged(command.conversation, conversation.messages)


class RemoveConversationHandler(CommandHandler[RemoveConversation, None]):
    """Removes a conversation; the read model erases its texts."""

    async def decide(
        self, command: RemoveConversation, prepared: None, run: Run, work: UnitOfWork
    ) -> ConversationChanged:
        conversation = await work.load(Conversation(run.actor.org_id, command.conversation))
        conversation.remove(run.actor.principal_id)
        await work.save(conversation)
        return ConversationChanged(command.conversation, 0)


class PutSettingsHandler(CommandHandler[PutSettings, None]):
    """Notes what a user prefers."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def prepare(self, command: PutSettings, run: Run) -> None:
        if not await self._texts.has(run.actor.org_id, SETTINGS, [command.content_hash]):
            raise InvalidInput("the settings are not stored; send them again")

    async def decide(self, command: PutSettings, prepared: None, run: Run, work: UnitOfWork) -> SettingsChanged:
        preferences = await work.load(Preferences(run.actor.org_id, run.actor.principal_id))
        preferences.put(command.content_hash)
        await work.save(preferences)
        return SettingsChanged(run.actor.principal_id)
