"""Answers on a WebSocket: numbered, resumed, and never made far ahead of whoever reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ryorin.contexts.answers.errors import ModelUnavailable
from ryorin.contexts.answers.queries import Answer, AnswerPart, Progress, Usage
from ryorin.entrypoints.websocket import live_answers
from ryorin.entrypoints.websocket.connection import Gone
from ryorin.entrypoints.websocket.live_answers import MAX_AHEAD, LiveAnswer, LiveAnswers
from ryorin.kernel.errors import NotFound
from ryorin.kernel.messages import Actor, OrgId

ACTOR = Actor(OrgId("a"), "key:a", frozenset())
DONE = Answer("chatcmpl-1", 0, "m", "All of it.", "stop", Usage(1, 2), (), "miss", "0-0", {})


class Listener:
    """Hears messages; goes away, or reads no more, when it is told to."""

    def __init__(self, leaves_after: int | None = None) -> None:
        self.heard: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._leaves_after = leaves_after

    async def send(self, text: str) -> None:
        await self.reads.wait()
        if len(self.heard) == self._leaves_after:
            raise Gone
        self.heard.append(json.loads(text))

    @property
    def numbers(self) -> list[int]:
        return [message["seq"] for message in self.heard]


class Source:
    """Pieces, and how many were asked for."""

    def __init__(self, pieces: int, gate: asyncio.Event | None = None) -> None:
        self.made = 0
        self.closed = False
        self._pieces = pieces
        self._gate = gate

    async def parts(self) -> AsyncGenerator[AnswerPart, None]:
        try:
            for number in range(self._pieces):
                self.made += 1
                yield AnswerPart(f"{number} ")
            if self._gate is not None:
                await self._gate.wait()
            yield AnswerPart("", DONE)
        finally:
            self.closed = True


async def ended(answer: LiveAnswer) -> None:
    assert answer.task is not None
    await asyncio.wait_for(asyncio.gather(answer.task, return_exceptions=True), 5)


async def test_messages_are_numbered_and_end_with_the_whole_answer() -> None:
    listener = Listener()

    async def parts() -> AsyncGenerator[AnswerPart, None]:
        yield AnswerPart("", progress=Progress("routed", "cook"))
        yield AnswerPart("All ")
        yield AnswerPart("of it.", DONE)

    answer = LiveAnswers().begin("q1", ACTOR, parts(), listener.send)
    await ended(answer)

    assert [(message["type"], message["seq"]) for message in listener.heard] == [
        ("progress", 1),
        ("text", 2),
        ("text", 3),
        ("done", 4),
    ]
    assert {(message["id"], message["stream"]) for message in listener.heard} == {("q1", answer.id)}
    assert listener.heard[-1]["answer"]["choices"][0]["message"]["content"] == "All of it."


async def test_a_failure_is_told() -> None:
    listener = Listener()

    async def parts() -> AsyncGenerator[AnswerPart, None]:
        yield AnswerPart("Al")
        raise ModelUnavailable("it fell asleep")

    await ended(LiveAnswers().begin("q1", ACTOR, parts(), listener.send))

    assert listener.heard[-1]["error"]["code"] == "model_unavailable"


@pytest.mark.parametrize("heard", [0, 1, 7, 19])
async def test_whoever_comes_back_hears_the_rest_once(heard: int) -> None:
    gate, first, second = asyncio.Event(), Listener(leaves_after=heard), Listener()
    answers = LiveAnswers()
    answer = answers.begin("q1", ACTOR, Source(20, gate).parts(), first.send)
    while len(first.heard) < heard or not answer.deserted:
        await asyncio.sleep(0)

    await answers.find(answer.id, ACTOR).hear(second.send, heard, "q2")
    gate.set()
    await ended(answer)

    assert first.numbers + second.numbers == list(range(1, 22))
    assert second.heard[-1]["type"] == "done"
    assert {message["id"] for message in second.heard[1:]} <= {"q2"}


async def test_an_answer_that_ended_can_still_be_fetched() -> None:
    answers, first, second = LiveAnswers(), Listener(leaves_after=3), Listener()
    answer = answers.begin("q1", ACTOR, Source(10).parts(), first.send)
    await ended(answer)

    await answers.find(answer.id, ACTOR).hear(second.send, 3)

    assert second.numbers == list(range(4, 12))


async def test_nobody_else_can_resume_it() -> None:
    answers, listener = LiveAnswers(), Listener()
    answer = answers.begin("q1", ACTOR, Source(1).parts(), listener.send)

    for stranger in (Actor(OrgId("b"), "key:a", frozenset()), Actor(OrgId("a"), "key:b", frozenset())):
        with pytest.raises(NotFound):
            answers.find(answer.id, stranger)
    with pytest.raises(NotFound):
        answers.find("nothing", ACTOR)


async def test_without_a_listener_a_model_is_not_read_far_ahead() -> None:
    source, listener = Source(10 * MAX_AHEAD), Listener(leaves_after=2)
    answers = LiveAnswers()
    answer = answers.begin("q1", ACTOR, source.parts(), listener.send)
    for _ in range(3 * MAX_AHEAD):
        await asyncio.sleep(0)

    assert MAX_AHEAD <= source.made <= MAX_AHEAD + 4

    again = Listener()
    await answer.hear(again.send, 2)
    await ended(answer)
    assert again.numbers == list(range(3, 10 * MAX_AHEAD + 2))


async def test_a_slow_listener_holds_the_model_back() -> None:
    source, listener = Source(1000), Listener()
    listener.reads.clear()
    answer = LiveAnswers().begin("q1", ACTOR, source.parts(), listener.send)
    for _ in range(100):
        await asyncio.sleep(0)

    assert source.made == 1
    listener.reads.set()
    await ended(answer)
    assert len(listener.heard) == 1001


async def test_who_takes_too_long_for_a_message_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_answers, "SEND_SECONDS", 0.02)
    listener = Listener()
    listener.reads.clear()
    answer = LiveAnswers().begin("q1", ACTOR, Source(5).parts(), listener.send)

    await ended(answer)

    assert answer.deserted


async def test_what_was_told_long_ago_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_answers, "MAX_KEPT", 500)
    listener = Listener()
    answer = LiveAnswers().begin("q1", ACTOR, Source(100).parts(), listener.send)
    await ended(answer)

    with pytest.raises(NotFound, match="are not kept any more"):
        await answer.hear(Listener().send, 0)
    last = Listener()
    await answer.hear(last.send, 100)
    assert last.numbers == [101]


async def test_a_deserted_answer_is_stopped_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_answers, "RESUME_SECONDS", 0.02)
    answers, listener = LiveAnswers(), Listener()
    source = Source(3, asyncio.Event())
    answer = answers.begin("q1", ACTOR, source.parts(), listener.send)
    while len(listener.heard) < 3:
        await asyncio.sleep(0)

    answers.leave(answer, listener.send)
    await ended(answer)

    assert source.closed
    await asyncio.sleep(0.05)
    with pytest.raises(NotFound):
        answers.find(answer.id, ACTOR)
