"""Conversations on PostgreSQL: rows of the read model, and texts that can be erased."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.conversations.queries import ConversationPage, ConversationView
from ryorin.contexts.conversations.turns import History, MessageView, SavedMessage, UserSettings
from ryorin.kernel.codec import from_json
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE conversations_g{g} (
    org_id text NOT NULL, conversation text NOT NULL, owner text NOT NULL, messages int NOT NULL DEFAULT 0,
    summarised int NOT NULL DEFAULT 0, summary_hash text, started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, PRIMARY KEY (org_id, conversation));
CREATE INDEX ON conversations_g{g} (org_id, owner, updated_at DESC);
CREATE TABLE conversation_messages_g{g} (
    org_id text NOT NULL, conversation text NOT NULL, number int NOT NULL, role text NOT NULL,
    content_hash text NOT NULL, answer text, saved_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, conversation, number));
CREATE TABLE user_settings_g{g} (
    org_id text NOT NULL, principal text NOT NULL, content_hash text NOT NULL, PRIMARY KEY (org_id, principal));
"""
SCHEMA = Schema(DDL, ("conversations", "conversation_messages", "user_settings"))

START = """
INSERT INTO conversations_g{g} (org_id, conversation, owner, started_at, updated_at) VALUES (%s, %s, %s, %s, %s)
"""
SAVE = """
INSERT INTO conversation_messages_g{g} (org_id, conversation, number, role, content_hash, answer, saved_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
UPDATE = """
UPDATE conversations_g{g} SET messages = %s, updated_at = %s WHERE org_id = %s AND conversation = %s
"""
SUMMARISE = """
UPDATE conversations_g{g} SET summarised = %s, summary_hash = %s WHERE org_id = %s AND conversation = %s
"""
REMOVE = "DELETE FROM conversations_g{g} WHERE org_id = %s AND conversation = %s"
REMOVE_MESSAGES = "DELETE FROM conversation_messages_g{g} WHERE org_id = %s AND conversation = %s"
ERASE = "DELETE FROM conversation_texts WHERE org_id = %s AND conversation = %s"
PUT_SETTINGS = """
INSERT INTO user_settings_g{g} (org_id, principal, content_hash) VALUES (%s, %s, %s)
ON CONFLICT (org_id, principal) DO UPDATE SET content_hash = excluded.content_hash
"""
VIEW = """
SELECT c.conversation, c.owner, c.messages, c.summarised, c.started_at, c.updated_at,
    (SELECT left(t.content, 80) FROM conversation_messages m JOIN conversation_texts t
        ON t.org_id = m.org_id AND t.conversation = m.conversation AND t.content_hash = m.content_hash
     WHERE m.org_id = c.org_id AND m.conversation = c.conversation AND m.number = 1) AS title
FROM conversations c
"""
LISTED = f"""
{VIEW} WHERE c.org_id = %(org_id)s AND c.owner = %(owner)s
AND (%(before)s::timestamptz IS NULL OR c.updated_at < %(before)s) ORDER BY c.updated_at DESC LIMIT %(limit)s
"""
ONE = f"{VIEW} WHERE c.org_id = %s AND c.owner = %s AND c.conversation = %s"
MESSAGES = """
SELECT m.number, m.role, m.answer, m.saved_at, t.content FROM conversation_messages m JOIN conversation_texts t
    ON t.org_id = m.org_id AND t.conversation = m.conversation AND t.content_hash = m.content_hash
WHERE m.org_id = %s AND m.conversation = %s AND m.number > %s AND m.number <= %s ORDER BY m.number LIMIT %s
"""
HISTORY = """
SELECT c.owner, c.messages, c.summarised, t.content AS summary FROM conversations c LEFT JOIN conversation_texts t
    ON t.org_id = c.org_id AND t.conversation = c.conversation AND t.content_hash = c.summary_hash
WHERE c.org_id = %s AND c.conversation = %s
"""
SETTINGS = """
SELECT t.content FROM user_settings s JOIN conversation_texts t
    ON t.org_id = s.org_id AND t.conversation = '/settings' AND t.content_hash = s.content_hash
WHERE s.org_id = %s AND s.principal = %s
"""
PUT_TEXT = """
INSERT INTO conversation_texts (org_id, conversation, content_hash, content) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
HAS = """
SELECT count(*) AS count FROM conversation_texts
WHERE org_id = %s AND conversation = %s AND content_hash = ANY(%s)
"""
EVERY = 2**31 - 1


class PostgresConversationRows:
    """The `ConversationRows` port: one generation's tables, on the projection's connection."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def start(self, org_id: OrgId, conversation: str, owner: str, at: datetime) -> None:
        """Write a conversation."""
        await self._run(START, org_id, conversation, owner, at, at)

    async def save(
        self, org_id: OrgId, conversation: str, first: int, messages: Sequence[SavedMessage], at: datetime
    ) -> None:
        """Write messages."""
        for number, one in enumerate(messages, start=first):
            await self._run(SAVE, org_id, conversation, number, one.role, one.content_hash, one.answer, at)
        await self._run(UPDATE, first + len(messages) - 1, at, org_id, conversation)

    async def summarise(self, org_id: OrgId, conversation: str, up_to: int, content_hash: str) -> None:
        """Note the newest summary."""
        await self._run(SUMMARISE, up_to, content_hash, org_id, conversation)

    async def remove(self, org_id: OrgId, conversation: str) -> None:
        """Delete a conversation, and what was said."""
        await self._run(REMOVE_MESSAGES, org_id, conversation)
        await self._run(REMOVE, org_id, conversation)
        await self._run(ERASE, org_id, conversation)

    async def put_settings(self, org_id: OrgId, principal: str, content_hash: str) -> None:
        """Write a user's settings."""
        await self._run(PUT_SETTINGS, org_id, principal, content_hash)


class PostgresConversations:
    """The `Conversations` and `Texts` ports."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def listed(
        self, org_id: OrgId, owner: str, limit: int, before: datetime | None
    ) -> Sequence[ConversationView]:
        """The last used first."""
        parameters = {"org_id": org_id, "owner": owner, "limit": limit, "before": before}
        return [_view(row) for row in await self._pool.fetch(LISTED, parameters)]

    async def page(
        self, org_id: OrgId, owner: str, conversation: str, after: int, limit: int
    ) -> ConversationPage | None:
        """Messages after a number; None unless the conversation is the owner's."""
        row = await self._pool.fetch_one(ONE, (org_id, owner, conversation))
        if row is None:
            return None
        messages = await self._messages(org_id, conversation, after, EVERY, limit)
        return ConversationPage(_view(row), row["summarised"], messages)

    async def history(self, org_id: OrgId, conversation: str, most: int) -> tuple[str, History] | None:
        """The owner, the summary, and the newest messages after it."""
        row = await self._pool.fetch_one(HISTORY, (org_id, conversation))
        if row is None:
            return None
        after = max(row["summarised"], row["messages"] - most)
        messages = await self._messages(org_id, conversation, after, EVERY, most)
        return row["owner"], History(row["summary"], row["summarised"], messages)

    async def settings(self, org_id: OrgId, principal: str) -> UserSettings:
        """What somebody prefers; nothing if nothing was said."""
        row = await self._pool.fetch_one(SETTINGS, (org_id, principal))
        settings: UserSettings = from_json(UserSettings, json.loads(row["content"]) if row else {})
        return settings

    async def put(self, org_id: OrgId, conversation: str, texts: Sequence[str]) -> Sequence[str]:
        """Store texts; their hashes, in order."""
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        async with self._pool.transaction() as connection:
            for content_hash, text in zip(hashes, texts, strict=True):
                await run(connection, PUT_TEXT, (org_id, conversation, content_hash, text))
        return hashes

    async def messages(self, org_id: OrgId, conversation: str, after: int, up_to: int) -> Sequence[MessageView]:
        """Messages by number."""
        return await self._messages(org_id, conversation, after, up_to, EVERY)

    async def has(self, org_id: OrgId, conversation: str, hashes: Sequence[str]) -> bool:
        """Whether all of them are stored."""
        row = await self._pool.fetch_one(HAS, (org_id, conversation, list(hashes)))
        return row is not None and row["count"] == len(set(hashes))

    async def _messages(
        self, org_id: OrgId, conversation: str, after: int, up_to: int, limit: int
    ) -> tuple[MessageView, ...]:
        rows = await self._pool.fetch(MESSAGES, (org_id, conversation, after, up_to, limit))
        return tuple(
            MessageView(row["number"], row["role"], row["content"], row["answer"], row["saved_at"]) for row in rows
        )


def _view(row: Any) -> ConversationView:
    return ConversationView(
        row["conversation"], row["title"] or "", row["messages"], row["started_at"], row["updated_at"]
    )
