"""Answers a question: memory, then the store, then once for all who ask it now; and keeps what was made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from time import perf_counter

from ryorin.contexts.answers.errors import ModelUnavailable
from ryorin.contexts.answers.module import cache_key
from ryorin.contexts.answers.queries import EXPERTS, Answer, AnswerPart, AnswerQuestion
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import RyorinError, Unavailable
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, OrgId
from ryorin.kernel.ports import Telemetry
from ryorin.kernel.together import ended
from ryorin.processes.answer_layers import AnswerLayers, Asked, CacheRules
from ryorin.processes.expert_panel import ExpertPanel
from ryorin.processes.make_answer import EXTRACTIVE, AnswerMaker, Retrieved
from ryorin.processes.semantic_hits import Considered, SemanticHits
from ryorin.processes.shared_flights import SharedFlights
from ryorin.processes.single_flight import SingleFlight

# characters of a piece when a cached answer is streamed
PIECE = 48


class AnswerQuestionProcess:
    """Handler of `AnswerQuestion`, whole (`answer`) and piece by piece (`stream`)."""

    def __init__(
        self,
        maker: AnswerMaker,
        layers: AnswerLayers,
        shared: SharedFlights,
        semantic: SemanticHits,
        bus: Callable[[], QueryBus],
        telemetry: Telemetry,
        note: Callable[[OrgId, str | None, Answer], None],
        panel: ExpertPanel,
    ) -> None:
        self._panel = panel
        self._maker = maker
        self._layers = layers
        self._shared = shared
        self._semantic = semantic
        # the bus is built from its handlers, this one among them
        self._bus = bus
        self._telemetry = telemetry
        self._note = note
        self._flights: SingleFlight[AnswerPart] = SingleFlight(lambda part: part.answer is not None)
        self._revalidations: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Keep what was given; give up what is being made anew behind answers that were served stale."""
        await self._flights.settled()
        await ended(*self._revalidations)

    async def answer(self, query: AnswerQuestion, actor: Actor) -> Answer:
        """The whole answer."""
        async with aclosing(self.stream(query, actor, whole=True)) as parts:
            async for part in parts:
                if part.answer is not None:
                    return part.answer
        raise Unavailable("the answer ended before it was complete; ask again")

    async def stream(
        self, query: AnswerQuestion, actor: Actor, whole: bool = False
    ) -> AsyncGenerator[AnswerPart, None]:
        """The answer in parts; the last one holds all of it. `whole` spares cutting a cached one up."""
        if query.model == EXPERTS:
            # each of them is asked through the cache, and counted there
            async with aclosing(self._panel.stream(query, actor)) as parts:
                async for part in parts:
                    yield part
            return
        if not query.use_cache:
            async with aclosing(self._made_for_one(query, actor, whole)) as parts:
                async for part in parts:
                    self._count(query, actor, part.answer)
                    yield part
            return
        started = perf_counter()
        asked = await self._layers.asked(query, actor)
        actor, rules = asked.actor, asked.rules
        key = cache_key(query, actor, await self._maker.identity(query.model, actor))
        found = await self._kept(key, query, asked)
        if found is not None:
            self._count(query, actor, found)
            stages = {"cache": round((perf_counter() - started) * 1000, 3)}
            for part in _replayed(replace(found, stages=stages), whole):
                yield part
            return
        since = await self._layers.changed(rules, actor)
        async with aclosing(self._flight(key, query, actor, rules, since, whole)) as parts:
            async for part in parts if whole else _unbroken(parts):
                self._count(query, actor, part.answer)
                yield part

    async def _kept(self, key: str, query: AnswerQuestion, asked: Asked) -> Answer | None:
        actor, rules = asked.actor, asked.rules
        try:
            found = await self._layers.held(key, rules, actor) if asked.verified else None
            if found is None:
                found = await self._layers.stale(key, rules, actor)
                if found is not None:
                    self._revalidate(key, query, actor, rules)
        except Unavailable:
            # a model may still answer; whoever needs documents will hear what is missing
            self._telemetry.count("ryorin_cache_failures_total", operation="look up")
            return None
        return found

    def _flight(
        self, key: str, query: AnswerQuestion, actor: Actor, rules: CacheRules, since: LogPosition, whole: bool
    ) -> AsyncGenerator[AnswerPart, None]:
        # who asks after a change shares nothing with who asked before it
        name = f"{key}@{since}"

        def make() -> AsyncGenerator[AnswerPart, None]:
            return self._made(key, query, actor, rules, since, whole)

        def fly() -> AsyncGenerator[AnswerPart, None]:
            # extracting costs less than following
            if query.model == EXTRACTIVE:
                return make()
            return self._shared.fly(actor.org_id, name, make, lambda: self._layers.fresh(key, rules, actor))

        return self._flights.join(f"{actor.org_id}\x1f{name}", fly)

    def _revalidate(self, key: str, query: AnswerQuestion, actor: Actor, rules: CacheRules) -> None:
        task = asyncio.create_task(self._anew(key, query, actor, rules))
        self._revalidations.add(task)
        task.add_done_callback(self._revalidations.discard)

    async def _anew(self, key: str, query: AnswerQuestion, actor: Actor, rules: CacheRules) -> None:
        try:
            since = await self._layers.changed(rules, actor)
            async with aclosing(self._flight(key, query, actor, rules, since, whole=True)) as parts:
                async for _ in parts:
                    pass
        except RyorinError as error:
            # the one who was served has gone; whoever asks next makes it or hears why not
            self._telemetry.count("ryorin_cache_revalidations_failed_total", code=error.code)

    async def _made(
        self, key: str, query: AnswerQuestion, actor: Actor, rules: CacheRules, since: LogPosition, whole: bool
    ) -> AsyncGenerator[AnswerPart, None]:
        retrieved = await self._maker.retrieve(query, actor, self._bus(), since)
        again = await self._layers.revalidated(key, query, actor, retrieved, rules)
        if again is not None:
            for part in _replayed(again, whole=False):
                yield part
            return
        considered = await self._considered(query, actor, retrieved, rules)
        if considered is not None and considered.answer is not None:
            for part in _replayed(considered.answer, whole=False):
                yield part
            return
        answer: Answer | None = None
        async with aclosing(self._kept_parts(key, query, actor, retrieved, rules, whole)) as parts:
            async for part in parts:
                answer = part.answer
                yield part
        if considered is not None and answer is not None:
            await self._learn(key, considered, actor, query, answer)

    async def _considered(
        self, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, rules: CacheRules
    ) -> Considered | None:
        """A cached answer to a question that may mean the same, where such answers are wanted."""
        if rules.semantic_bound is None or query.model == EXTRACTIVE:
            return None
        if query.tools is not None or query.form is not None:
            # what a program reads is not for another question
            return None
        # what is given to a paraphrase is as fresh as what is given to the question itself
        identity = await self._maker.identity(query.model, actor)
        try:
            return await self._semantic.consider(
                query,
                actor,
                identity,
                retrieved.passages,
                rules.semantic_bound,
                lambda key: self._layers.fresh(key, rules, actor),
            )
        except Unavailable:
            self._telemetry.count("ryorin_cache_failures_total", operation="consider a paraphrase")
            return None

    async def _learn(
        self, key: str, considered: Considered, actor: Actor, query: AnswerQuestion, answer: Answer
    ) -> None:
        try:
            await self._semantic.learn(key, considered, actor, query.question, answer)
        except Unavailable:
            self._telemetry.count("ryorin_cache_failures_total", operation="learn from a paraphrase")

    async def _kept_parts(
        self,
        key: str,
        query: AnswerQuestion,
        actor: Actor,
        retrieved: Retrieved,
        rules: CacheRules,
        whole: bool,
    ) -> AsyncGenerator[AnswerPart, None]:
        async with aclosing(self._maker.make(query, actor, retrieved, whole)) as parts:
            async for part in parts:
                if part.answer is None:
                    yield part
                elif rules.collection is None:
                    # no change can make it wrong: it is kept for others after it was given
                    self._layers.remember(key, actor, part.answer)
                    yield part
                    await self._keep(key, query, actor, retrieved, part.answer, rules)
                else:
                    await self._keep(key, query, actor, retrieved, part.answer, rules)
                    yield part

    async def _keep(
        self, key: str, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, answer: Answer, rules: CacheRules
    ) -> None:
        try:
            await self._layers.keep(key, query, actor, retrieved, answer, rules)
        except Unavailable:
            # it is made and will be given; it cannot be kept
            self._telemetry.count("ryorin_cache_failures_total", operation="keep")

    async def _made_for_one(self, query: AnswerQuestion, actor: Actor, whole: bool) -> AsyncGenerator[AnswerPart, None]:
        retrieved = await self._maker.retrieve(query, actor, self._bus())
        async with aclosing(self._maker.make(query, actor, retrieved, whole)) as parts:
            async for part in parts:
                yield part if part.answer is None else replace(part, answer=replace(part.answer, cache="bypass"))

    def _count(self, query: AnswerQuestion, actor: Actor, answer: Answer | None) -> None:
        if answer is not None:
            self._telemetry.count("ryorin_cache_requests_total", layer=answer.cache)
            self._note(actor.org_id, query.grounding.collection if query.grounding else None, answer)


async def _unbroken(parts: AsyncGenerator[AnswerPart, None]) -> AsyncGenerator[AnswerPart, None]:
    """The parts, unless the answer begins anew after some of it was given: that cannot be taken back."""
    begun = False
    async for part in parts:
        if part.restarted and begun:
            raise ModelUnavailable(
                "who made this answer is gone, and asked again the model answered otherwise; ask once more"
            )
        begun = begun or bool(part.text)
        yield part


def _replayed(answer: Answer, whole: bool) -> list[AnswerPart]:
    if whole:
        return [AnswerPart(answer.text, answer)]
    pieces = [answer.text[at : at + PIECE] for at in range(0, len(answer.text), PIECE)]
    return [*(AnswerPart(piece) for piece in pieces), AnswerPart("", answer)]
