"""Answers a question: memory, then the store, then once for all who ask it now; and keeps what was made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import perf_counter

from ryorin.contexts.answers.module import AnswerStore, CachedAnswer, HotAnswers, KeptAnswer, cache_key
from ryorin.contexts.answers.queries import Answer, AnswerPart, AnswerQuestion, CacheLayer
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import Telemetry
from ryorin.processes.answer_provenance import provenance_of
from ryorin.processes.make_answer import AnswerMaker, Retrieved
from ryorin.processes.probe_codec import encode_outline, encode_probe
from ryorin.processes.single_flight import SingleFlight

# characters of a piece when a cached answer is streamed
PIECE = 48


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """The layers an answer is looked for in, and how long it is kept (seconds)."""

    hot: HotAnswers
    store: AnswerStore
    ttl_seconds: float


class AnswerQuestionProcess:
    """Handler of `AnswerQuestion`, whole (`answer`) and piece by piece (`stream`)."""

    def __init__(
        self, maker: AnswerMaker, cache: AnswerCache, bus: Callable[[], QueryBus], telemetry: Telemetry
    ) -> None:
        self._maker = maker
        self._cache = cache
        # the bus is built from its handlers, this one among them
        self._bus = bus
        self._telemetry = telemetry
        self._flights: SingleFlight[AnswerPart] = SingleFlight()

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
        if not query.use_cache:
            self._count("bypass")
            async with aclosing(self._made(query, actor, key=None)) as parts:
                async for part in parts:
                    yield part
            return
        started = perf_counter()
        key = cache_key(query, actor)
        found = await self._kept(key, actor)
        if found is not None:
            self._count(found.cache)
            stages = {"cache": round((perf_counter() - started) * 1000, 3)}
            for part in _replayed(replace(found, stages=stages), whole):
                yield part
            return
        self._count("miss")
        flight = f"{actor.org_id}\x1f{key}"
        async with aclosing(self._flights.join(flight, lambda: self._made(query, actor, key))) as parts:
            async for part in parts:
                yield part

    async def _kept(self, key: str, actor: Actor) -> Answer | None:
        hot = self._cache.hot.get(actor.org_id, key)
        if hot is not None:
            return hot
        kept = await self._cache.store.get(actor.org_id, key)
        if kept is None:
            return None
        self._cache.hot.put(actor.org_id, key, kept)
        return replace(kept.answer, cache="l2")

    async def _made(self, query: AnswerQuestion, actor: Actor, key: str | None) -> AsyncGenerator[AnswerPart, None]:
        retrieved = await self._maker.retrieve(query, actor, self._bus())
        async with aclosing(self._maker.make(query, retrieved)) as parts:
            async for part in parts:
                if part.answer is not None and key is not None:
                    await self._keep(key, query, actor, retrieved, part.answer)
                yield (
                    part
                    if key is not None or part.answer is None
                    else replace(part, answer=replace(part.answer, cache="bypass"))
                )

    async def _keep(self, key: str, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, answer: Answer) -> None:
        if answer.degraded:
            return  # the next asker deserves a try at the whole
        probe = retrieved.result.probe if retrieved.result else None
        entry = CachedAnswer(
            key=key,
            org_id=actor.org_id,
            answer=answer,
            collection=query.grounding.collection if query.grounding else None,
            probe=encode_probe(probe) if probe else None,
            outline=encode_outline(probe) if probe else None,
            lexicon_epoch=probe.lexicon_epoch if probe else None,
            as_of=retrieved.as_of,
            ttl_seconds=self._cache.ttl_seconds,
            provenance=provenance_of(query, retrieved.result),
        )
        valid_at = await self._cache.store.put(entry)
        if valid_at is not None:
            kept = KeptAnswer(answer, entry.collection, entry.lexicon_epoch, valid_at)
            self._cache.hot.put(actor.org_id, key, kept)

    def _count(self, layer: CacheLayer) -> None:
        self._telemetry.count("ryorin_cache_requests_total", layer=layer)


def _replayed(answer: Answer, whole: bool) -> list[AnswerPart]:
    if whole:
        return [AnswerPart(answer.text, answer)]
    pieces = [answer.text[at : at + PIECE] for at in range(0, len(answer.text), PIECE)]
    return [*(AnswerPart(piece) for piece in pieces), AnswerPart("", answer)]
