"""Answers under way: each is made once, told to whoever is there, and kept a while for who comes back."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from ryorin.contexts.answers.queries import AnswerPart
from ryorin.contexts.answers.tools import pieces_of
from ryorin.entrypoints.openai import render
from ryorin.entrypoints.websocket.connection import Gone, encode, failure
from ryorin.kernel.errors import NotFound, RyorinError
from ryorin.kernel.messages import Actor
from ryorin.kernel.together import ended

# how long an answer that nobody hears goes on, and is kept after its end
RESUME_SECONDS = 30.0
# messages that are made ahead while nobody hears them; then the model waits too
MAX_AHEAD = 256
# what was told is kept for a resumption, up to so much (characters)
MAX_KEPT = 256 * 1024
# whoever takes longer for a message than this is gone
SEND_SECONDS = 30.0
# answers that are kept at a time, of all who ask; the oldest that ended go first
MAX_ANSWERS = 50_000

Send = Callable[[str], Awaitable[None]]


class LiveAnswer:
    """One answer: its messages, numbered from 1, and who hears them."""

    def __init__(self, name: str, asked_as: str, actor: Actor, send: Send) -> None:
        self.id = name
        self._named = _named(asked_as)
        self._owner = (actor.org_id, actor.principal_id)
        self._messages: deque[tuple[int, str]] = deque()
        self._kept = 0
        self._number = 0
        self._told = 0
        self._send: Send | None = send
        self._heard = asyncio.Event()
        self._turn = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None
        self.ended = False

    def belongs_to(self, actor: Actor) -> bool:
        """Whether it was asked by this very actor."""
        return self._owner == (actor.org_id, actor.principal_id)

    async def hear(self, send: Send, after: int, asked_as: str | None = None) -> None:
        """Tell someone from here on, beginning behind message `after`; whoever heard before hears no more.

        Raises NotFound when messages after that one are not kept any more.
        """
        async with self._turn:
            first = self._messages[0][0] if self._messages else self._number + 1
            if after + 1 < first:
                raise NotFound(f"messages up to {first - 1} are not kept any more; ask again")
            if asked_as is not None:
                self._named = _named(asked_as)
            self._told, self._send = after, send
            await self._tell()
            self._heard.set()

    def leave(self, send: Send) -> None:
        """Someone hears no more."""
        if self._send == send:
            self._send = None
            self._heard.clear()

    @property
    def deserted(self) -> bool:
        """Whether nobody hears it."""
        return self._send is None

    async def put(self, message: Mapping[str, Any]) -> None:
        """Add a message, and tell it; waits while the listener is slow, or when none comes back for what is ahead."""
        self._number += 1
        text = encode({**message, "stream": self.id, "seq": self._number})
        self._messages.append((self._number, text))
        self._kept += len(text)
        while self._kept > MAX_KEPT and self._messages[0][0] <= self._told:
            self._kept -= len(self._messages.popleft()[1])
        async with self._turn:
            await self._tell()
        while self._send is None and self._number - self._told > MAX_AHEAD:
            await self._heard.wait()

    async def _tell(self) -> None:
        """Whatever was not told yet; nearly always that is one message."""
        behind = self._number - self._told
        if self._send is None or not behind:
            return
        untold = list(self._messages)[-behind:] if behind > 1 else [self._messages[-1]]
        for number, text in untold:
            send = self._send
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    # who comes back may call it otherwise
                    await send(f"{self._named}{text[1:]}")
            except (Gone, TimeoutError):
                self.leave(send)
                return
            self._told = number


class LiveAnswers:
    """All answers under way in this process."""

    def __init__(self) -> None:
        self._answers: dict[str, LiveAnswer] = {}

    def begin(self, asked_as: str, actor: Actor, parts: AsyncGenerator[AnswerPart, None], send: Send) -> LiveAnswer:
        """Make an answer and tell it."""
        live = LiveAnswer(secrets.token_urlsafe(12), asked_as, actor, send)
        self._answers[live.id] = live
        self._tidy()
        live.task = asyncio.create_task(self._run(live, parts))
        return live

    async def _run(self, live: LiveAnswer, parts: AsyncGenerator[AnswerPart, None]) -> None:
        try:
            await _tell(live, parts)
        finally:
            live.ended = True
            asyncio.get_running_loop().call_later(RESUME_SECONDS, self._answers.pop, live.id, None)

    def find(self, name: str, actor: Actor) -> LiveAnswer:
        """An answer of this actor's; raises NotFound."""
        live = self._answers.get(name)
        if live is None or not live.belongs_to(actor):
            raise NotFound(f"there is no stream {name!r} here, or it is not kept any more; ask again")
        return live

    def leave(self, live: LiveAnswer, send: Send) -> None:
        """Someone hears no more; nobody comes back for a while: the model is stopped."""
        live.leave(send)
        if not live.ended:
            asyncio.get_running_loop().call_later(RESUME_SECONDS, _stop_deserted, live)

    def _tidy(self) -> None:
        if len(self._answers) > MAX_ANSWERS:
            ended = [name for name, live in self._answers.items() if live.ended and live.deserted]
            for name in ended[: len(self._answers) - MAX_ANSWERS]:
                del self._answers[name]

    async def close(self) -> None:
        """Stop everything."""
        await ended(*(live.task for live in self._answers.values() if live.task is not None))


def _named(asked_as: str) -> str:
    """How a message begins that is about what was asked so."""
    return encode({"id": asked_as})[:-1] + ","


def _stop_deserted(live: LiveAnswer) -> None:
    if live.deserted and live.task is not None:
        live.task.cancel()


async def _tell(live: LiveAnswer, parts: AsyncGenerator[AnswerPart, None]) -> None:
    called = False
    try:
        async with aclosing(parts):
            async for part in parts:
                if part.progress is not None:
                    await live.put({"type": "progress", "stage": part.progress.stage, "what": part.progress.what})
                if part.text:
                    await live.put({"type": "text", "text": part.text})
                # those who follow another process hear of calls in the end
                calls = part.calls or (pieces_of(part.answer.calls) if part.answer and not called else ())
                if calls:
                    called = True
                    await live.put({"type": "tool_calls", "tool_calls": render.called(calls)})
                if part.answer is not None:
                    await live.put({"type": "done", "answer": render.completion(part.answer)})
    except RyorinError as error:
        await live.put({"type": "error", "error": failure(error)})
