"""Conversations on PostgreSQL: what was said goes before the next question, is summarised, cached by, and erased."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ryorin.adapters.postgres.conversations import PostgresConversations
from ryorin.bootstrap.app import App
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, ConversationState
from ryorin.contexts.answers.tools import Tool, ToolUse
from ryorin.contexts.conversations.commands import RemoveConversation, SaveMessages
from ryorin.contexts.conversations.errors import ConversationNotFound
from ryorin.contexts.conversations.queries import GetConversation, GetSettings, ListConversations
from ryorin.contexts.conversations.turns import SavedMessage, UserSettings
from ryorin.contexts.gateway.catalogue import ModelSpec, ProviderSpec
from ryorin.contexts.gateway.commands import PutModel, PutProvider
from ryorin.contexts.gateway.queries import CATALOGUE_MODEL
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import Forbidden, InvalidInput, Unavailable
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, Scope
from tests.integration.test_gateway import completes
from tests.integration.test_prompts import send
from tests.steps import ADMIN, put
from tests.upstream import Upstream, event, says

OTHER = Actor(ADMIN.org_id, "key:other", frozenset({Scope.ADMIN}))


async def serve(app: App, upstream: Upstream, **more: Any) -> None:
    demand = await send(
        app,
        PutProvider(provider="example", spec=ProviderSpec(base_url=upstream.base_url)),
        PutModel(provider="example", alias="big", spec=ModelSpec("vendor/big", **more)),
    )
    assert demand.token is not None
    assert await app.services.positions.wait_for((CATALOGUE_MODEL,), demand.token, 20)


async def talk(
    app: App, text: str, conversation: str | None = "new", actor: Actor = ADMIN, model: str = "big", **more: Any
) -> Answer:
    query = AnswerQuestion(messages=(ChatMessage("user", text),), model=model, conversation=conversation, **more)
    return await app.services.queries.ask(query, actor)


def state(answer: Answer) -> ConversationState:
    assert answer.conversation is not None
    return answer.conversation


def at(answer: Answer) -> Consistency:
    position = state(answer).position
    assert position is not None
    return Consistency(LogPosition.parse(position), 20)


def said(upstream: Upstream, number: int = -1) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in upstream.bodies[number]["messages"]]


async def test_what_was_said_goes_before_what_is_asked_next(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("Nine."), completes("Ten."), completes("Eleven.")]
    await serve(app, upstream)

    first = await talk(app, "When do you open?")
    again = await talk(app, "And on Sundays?", state(first).id)

    assert said(upstream) == [("user", "When do you open?"), ("assistant", "Nine."), ("user", "And on Sundays?")]
    assert (state(again).messages, state(again).shown, state(again).left_out) == (4, 2, 0)
    page = await app.services.queries.ask(GetConversation(conversation=state(first).id), ADMIN, at(again))
    assert [(one.number, one.role, one.text) for one in page.messages] == [
        (1, "user", "When do you open?"),
        (2, "assistant", "Nine."),
        (3, "user", "And on Sundays?"),
        (4, "assistant", "Ten."),
    ]
    assert page.messages[1].answer == first.id
    (listed,) = await app.services.queries.ask(ListConversations(), ADMIN)
    assert (listed.id, listed.title, listed.messages) == (state(first).id, "When do you open?", 4)


async def test_answers_are_cached_by_what_was_said_before(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one"), completes("two"), completes("three")]
    await serve(app, upstream)
    here, there = await talk(app, "Hello"), await talk(app, "Hello")
    assert (here.cache, there.cache) == ("miss", "l1")
    assert state(here).id != state(there).id

    # both are where the other is, until one of them goes on
    assert (await talk(app, "And?", state(here).id)).text == "two"
    assert (await talk(app, "And?", state(there).id)).cache in ("l1", "l2")
    assert (await talk(app, "And?", state(there).id)).text == "three"
    assert len(upstream.bodies) == 3


async def test_a_stream_is_remembered_when_it_is_complete(app: App, upstream: Upstream) -> None:
    done = (event("Ni"), event("ne."), event(finish="stop"), "data: [DONE]\n\n")
    upstream.replies = [says(*done), completes("Ten.")]
    await serve(app, upstream)
    query = AnswerQuestion(messages=(ChatMessage("user", "When?"),), model="big", conversation="conv_mine")

    parts = [part async for part in app.services.queries.stream(query, ADMIN)]

    assert "".join(part.text for part in parts) == "Nine."
    assert parts[-1].answer is not None
    assert state(parts[-1].answer).id == "conv_mine"
    await talk(app, "And then?", "conv_mine")
    assert said(upstream)[1] == ("assistant", "Nine.")


async def test_a_long_conversation_is_shown_with_a_summary(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("word " * 120)]
    await serve(app, upstream, context_tokens=1400)
    answer = await talk(app, "Tell me about bees.")
    for number in range(5):
        upstream.replies = [completes(f"{number} " + "word " * 120)]
        answer = await talk(app, f"Tell me more, {number}.", state(answer).id)
    assert state(answer).left_out or state(answer).summarised
    upstream.replies = [completes("They spoke of bees.")]

    for _ in range(100):
        page = await app.services.queries.ask(GetConversation(conversation=state(answer).id), ADMIN)
        if page.summarised:
            break
        await asyncio.sleep(0.1)
    last = await talk(app, "So?", state(answer).id)

    assert state(last).summarised >= 2
    assert state(last).left_out == 0
    # a further summary may be asked for meanwhile
    asked = [said(upstream, at) for at in range(len(upstream.bodies))]
    (shown,) = [body for body in asked if body[-1] == ("user", "So?")]
    assert shown[0][0] == "system"
    assert "quoted data" in shown[0][1]
    assert shown[1][0] == "user"
    assert shown[-1] == ("user", "So?")


async def test_settings_of_a_user_hold_in_conversations(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("yes")]
    await serve(app, upstream)
    await put(app, "hours.md", "# Hours\n\nThe office opens at nine.\n")
    settings = UserSettings(model="big", collection="docs", instructions="Be short.", history_tokens=500)
    command = await app.services.keeper.preferring(ADMIN, settings)
    demand = await send(app, command)
    assert await app.services.queries.ask(GetSettings(), ADMIN, demand) == settings
    assert await app.services.queries.ask(GetSettings(), OTHER) == UserSettings()

    answer = await talk(app, "When does the office open?", model="")

    assert (answer.model, answer.grounded) == ("big", True)
    assert ("system", "Be short.") in said(upstream)
    # a key that may not read documents is not given any by its settings
    narrow = Actor(ADMIN.org_id, ADMIN.principal_id, frozenset({Scope.ANSWERS_READ}))
    with pytest.raises(Forbidden, match="knowledge:read"):
        await talk(app, "When does the office open?", model="", actor=narrow)
    plain = await talk(app, "Hi", None)
    assert not plain.grounded


async def test_a_conversation_is_its_owners_alone(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("yes")]
    await serve(app, upstream)
    answer = await talk(app, "My secret is blue.")
    mine = state(answer).id

    for attempt in (
        talk(app, "What is the secret?", mine, OTHER),
        app.services.queries.ask(GetConversation(conversation=mine), OTHER, at(answer)),
        send(app, RemoveConversation(conversation=mine), actor=OTHER),
    ):
        with pytest.raises(ConversationNotFound):
            await attempt
    assert await app.services.queries.ask(ListConversations(), OTHER) == ()


async def test_what_was_said_is_erased_with_its_conversation(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("yes")]
    await serve(app, upstream)
    mine = state(await talk(app, "My secret is blue.")).id

    demand = await send(app, RemoveConversation(conversation=mine))

    with pytest.raises(ConversationNotFound):
        await app.services.queries.ask(GetConversation(conversation=mine), ADMIN, demand)
    assert await app.base.pool.fetch("SELECT 1 FROM conversation_texts WHERE conversation = %s", (mine,)) == []
    found = await app.base.pool.fetch("SELECT 1 FROM events WHERE data::text LIKE %s", ("%secret is blue%",))
    assert found == []
    with pytest.raises(ConversationNotFound):
        await talk(app, "Hi", mine)


async def test_what_cannot_be_is_refused(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("yes")]
    await serve(app, upstream)
    with pytest.raises(InvalidInput, match="tools cannot be called"):
        await talk(app, "Hi", tools=ToolUse((Tool("f", "", {}, None),), "auto", None))
    with pytest.raises(InvalidInput, match="must be 1-100"):
        await talk(app, "Hi", "a b")
    with pytest.raises(InvalidInput, match="not stored"):
        await send(app, SaveMessages(conversation="c", messages=(SavedMessage("user", "0" * 64),)))
    with pytest.raises(InvalidInput, match="must have text"):
        await app.services.keeper.saving(ADMIN, "c", [("user", " ", None)])
    with pytest.raises(InvalidInput, match="history_tokens is 5"):
        await app.services.keeper.preferring(ADMIN, UserSettings(history_tokens=5))


async def test_an_answer_that_cannot_be_saved_is_given_and_says_so(
    app: App, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.replies = [completes("yes")]
    await serve(app, upstream)

    async def away(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(PostgresConversations, "put", away)
    answer = await talk(app, "Hi")

    assert (answer.text, answer.degraded) == ("yes", ("conversation:unsaved",))
    assert state(answer).position is None
