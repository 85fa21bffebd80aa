"""What tests do again and again with a running application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ryorin.bootstrap.app import App
from ryorin.contexts.answers.accounting import CountSelected
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, GroundingOptions
from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.commands import PutDocument
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor

ADMIN = LOCAL_ADMINISTRATOR


async def put(
    app: App, document: str, text: str | bytes, actor: Actor = ADMIN, collection: str = "docs", **more: Any
) -> CommandView:
    """Put a document and wait for its command to end."""
    content = text.encode() if isinstance(text, str) else text

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    stored = await app.services.upload(actor, pieces())
    command = PutDocument(
        collection=collection,
        document=document,
        content_hash=stored.content_hash,
        size_bytes=stored.size_bytes,
        filename=more.pop("filename", document),
        **more,
    )
    receipt = await app.services.commands.send(command, actor)
    return await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), actor)


def seen(view: CommandView) -> Consistency:
    """The demand to see what a command did."""
    assert view.position is not None, view.error
    return Consistency(LogPosition.parse(view.position), 20)


async def ask(app: App, question: str, demand: Consistency = Consistency(), actor: Actor = ADMIN) -> Answer:  # noqa: B008
    """Ask the extractive answerer about the collection `docs`."""
    query = AnswerQuestion(
        messages=(ChatMessage("user", question),), model="extractive", grounding=GroundingOptions("docs")
    )
    return await app.services.queries.ask(query, actor, demand)


async def kept(app: App, count: int) -> None:
    """Return when so many answers are kept: one without documents is given before it is."""
    everything = CountSelected(selection=Selection(everything=True))
    async with asyncio.timeout(10):
        while await app.services.queries.ask(everything, ADMIN) != count:
            await asyncio.sleep(0.01)
