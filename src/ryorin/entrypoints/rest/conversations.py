"""Routes of conversations and of what their users prefer; everybody sees their own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from ryorin.contexts.conversations.commands import RemoveConversation
from ryorin.contexts.conversations.queries import (
    CONVERSATIONS_MODEL,
    GetConversation,
    GetSettings,
    ListConversations,
)
from ryorin.contexts.conversations.turns import UserSettings
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1", tags=["conversations"])
SETTLED = (CONVERSATIONS_MODEL,)


class TurnBody(Body):
    """A message to be saved."""

    role: Literal["user", "assistant"]
    content: str


class TurnsBody(Body):
    """Messages in order, for example those of another system."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [
                        {"role": "user", "content": "When does the office open?"},
                        {"role": "assistant", "content": "At nine."},
                    ]
                }
            ]
        }
    )

    messages: list[TurnBody]


class SettingsBody(Body):
    """What a user prefers in conversations; what a request says itself goes before it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"instructions": "Answer in one sentence.", "history_tokens": 2000}]}
    )

    model: str = Field(default="", description="The model, where the request names none")
    collection: str = Field(default="", description="Grounds the answers, where the request names no collection")
    instructions: str = Field(default="", description="A system message before every conversation")
    history_tokens: int | None = Field(default=None, description="How much of a conversation a model is shown")


ConversationId = Annotated[str, Path(max_length=200, examples=["conv_example"])]


@router.get("/conversations")
async def list_conversations(
    caller: CallerNeeded,
    demand: DemandNeeded,
    limit: int = 50,
    before: Annotated[datetime | None, Query(description="Last used before this time: the next page")] = None,
) -> Any:
    """One's conversations, the last used first."""
    return {"conversations": to_json(await caller.ask(ListConversations(limit=limit, before=before), demand))}


@router.get("/conversations/{conversation}")
async def get_conversation(
    conversation: ConversationId, caller: CallerNeeded, demand: DemandNeeded, after: int = 0, limit: int = 100
) -> Any:
    """What was said after a message's number, oldest first."""
    query = GetConversation(conversation=conversation, after=after, limit=limit)
    return to_json(await caller.ask(query, demand))


@router.post("/conversations/{conversation}/messages")
async def save_messages(
    conversation: ConversationId, body: TurnsBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Add messages without asking anything; the first ones begin the conversation.

    Questions with `ryorin.conversation` in their bodies add themselves and their answers.
    """
    said = [(one.role, one.content, None) for one in body.messages]
    command = await caller.services.keeper.saving(caller.actor, conversation, said)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/conversations/{conversation}")
async def remove_conversation(
    conversation: ConversationId, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Remove a conversation, and erase what was said."""
    return Written(**await caller.send_and_settle(RemoveConversation(conversation=conversation), SETTLED, key))


@router.get("/settings")
async def get_settings(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """What one prefers in conversations."""
    return to_json(await caller.ask(GetSettings(), demand))


@router.put("/settings")
async def put_settings(body: SettingsBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Say what one prefers in conversations; what is left out is left to the request and the server."""
    command = await caller.services.keeper.preferring(caller.actor, UserSettings(**body.model_dump()))
    return Written(**await caller.send_and_settle(command, SETTLED, key))
