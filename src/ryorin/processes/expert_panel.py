"""Experts answer: the gate chooses, the chosen ones answer side by side with retrieval, their drafts become one answer.

Experts are asked as anybody would ask them, through the bus: their drafts come from the cache where they are still
right, and nothing that was fused is kept, so that it cannot go stale. One that fails costs only itself (ADR-0019).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import perf_counter

from ryorin.contexts.answers.errors import ModelUnavailable
from ryorin.contexts.answers.module import Passage, cited, grounded_messages
from ryorin.contexts.answers.queries import (
    EXPERTS,
    Answer,
    AnswerPart,
    AnswerQuestion,
    ChatMessage,
    DraftReport,
    GroundingOptions,
    PanelOptions,
    PanelReport,
    Progress,
    PromptUse,
)
from ryorin.contexts.prompts.versions import PromptReference
from ryorin.contexts.routing.experts import Expert, RoutingDecision
from ryorin.contexts.routing.queries import ListExperts, RouteQuestion
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import InvalidInput, RyorinError
from ryorin.kernel.messages import Actor
from ryorin.kernel.together import ended
from ryorin.processes.fusion import Draft, Likeness, best, synthesis_messages, vote
from ryorin.processes.make_answer import EXTRACTIVE, AnswerMaker

# for retrieved passages and drafts, when the model that joins them does not say how much it takes
SYNTHESIS_TOKENS = 6000


@dataclass(frozen=True, slots=True)
class _Seat:
    """One draft to be made: an expert on one of its collections."""

    expert: Expert
    collection: str | None
    weight: float


class ExpertPanel:
    """Answers `AnswerQuestion` for the model `experts`."""

    def __init__(self, maker: AnswerMaker, bus: Callable[[], QueryBus], likeness: Likeness) -> None:
        self._maker = maker
        self._bus = bus
        self._likeness = likeness

    async def stream(self, query: AnswerQuestion, actor: Actor) -> AsyncGenerator[AnswerPart, None]:
        """The answer in parts; raises InvalidInput without experts, ModelUnavailable when all of them failed."""
        started, options = perf_counter(), query.panel or PanelOptions()
        ends = asyncio.get_running_loop().time() + options.deadline_seconds
        decision = await self._bus().ask(RouteQuestion(text=query.question, top_k=options.top_k), actor)
        seats = await self._seats(decision, query, actor)
        sitting = _Sitting(self._maker, self._bus(), self._likeness, query, actor, options, decision, ends, started)
        yield AnswerPart("", progress=Progress("routed", ", ".join(seat.expert.name for seat in seats)))
        alone = len(seats) == 1 and options.fusion != "synthesis"
        async with aclosing(sitting.alone(seats[0]) if alone else sitting.together(seats)) as parts:
            async for part in parts:
                yield part

    async def _seats(self, decision: RoutingDecision, query: AnswerQuestion, actor: Actor) -> list[_Seat]:
        experts = {one.name: one for one in await self._bus().ask(ListExperts(), actor)}
        if not experts:
            raise InvalidInput("there are no experts; register one, or ask another model")
        chosen = {name: weight for name, weight in decision.weights.items() if name in experts}
        if decision.out_of_scope:
            # whoever takes everything, or else the likeliest
            general = {one.name: 1.0 for one in experts.values() if one.spec.general}
            chosen = general or dict(list(chosen.items())[:1])
        # the experts may have become others since the gate chose
        chosen = chosen or {next(iter(experts)): 0.0}
        # a synthesis reads the documents itself, found meanwhile: nobody waits for them
        joined = query.panel is not None and query.panel.fusion == "synthesis"
        own = query.grounding.collection if query.grounding and not joined else None
        return [
            _Seat(experts[name], collection, weight)
            for name, weight in chosen.items()
            for collection in (experts[name].spec.collections or (own,))
        ]


class _Sitting:
    """One question before the panel: what was drafted, what failed, and how it becomes one answer."""

    def __init__(
        self,
        maker: AnswerMaker,
        bus: QueryBus,
        likeness: Likeness,
        query: AnswerQuestion,
        actor: Actor,
        options: PanelOptions,
        decision: RoutingDecision,
        ends: float,
        started: float,
    ) -> None:
        self._maker = maker
        self._bus = bus
        self._likeness = likeness
        self._query = query
        self._actor = actor
        self._options = options
        self._decision = decision
        # of the loop's clock: everything shares one deadline
        self._ends = ends
        self._started = started
        self._drafts: list[Draft] = []
        self._reports: list[DraftReport] = []
        self._failures: list[RyorinError] = []
        self._passages: tuple[Passage, ...] = ()
        self._told: asyncio.Queue[AnswerPart | None] = asyncio.Queue()

    async def alone(self, seat: _Seat) -> AsyncGenerator[AnswerPart, None]:
        """One expert: what it says is passed on as it comes."""
        began = perf_counter()
        try:
            async with (
                asyncio.timeout_at(self._ends),
                aclosing(self._bus.stream(self._question(seat), self._actor)) as parts,
            ):
                async for part in parts:
                    if part.answer is not None:
                        self._reports.append(_answered(seat, part.answer, began))
                        yield replace(part, answer=self._given(part.answer, "best"))
                    else:
                        yield part
        except TimeoutError as error:
            raise _late(seat) from error

    async def together(self, seats: Sequence[_Seat]) -> AsyncGenerator[AnswerPart, None]:
        """Several experts, beside retrieval; their drafts become one answer."""
        working = asyncio.create_task(self._everybody(seats))
        try:
            while (part := await self._told.get()) is not None:
                yield part
            await working
        finally:
            await ended(working)
        if not self._drafts:
            raise self._failures[0]
        async with aclosing(self._fused()) as parts:
            async for final in parts:
                yield final

    async def _everybody(self, seats: Sequence[_Seat]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._retrieve())
                for seat in seats:
                    group.create_task(self._ask(seat))
        finally:
            self._told.put_nowait(None)

    async def _ask(self, seat: _Seat) -> None:
        """One draft; who fails costs only itself."""
        began = perf_counter()
        try:
            async with asyncio.timeout_at(self._ends):
                answer = await self._bus.ask(self._question(seat), self._actor)
        except TimeoutError:
            self._failed(seat, _late(seat), began)
        except RyorinError as error:
            self._failed(seat, error, began)
        else:
            self._drafts.append(Draft(seat.expert.name, answer, seat.weight))
            self._reports.append(_answered(seat, answer, began))
        self._told.put_nowait(AnswerPart("", progress=Progress("expert", seat.expert.name)))

    def _failed(self, seat: _Seat, failure: RyorinError, began: float) -> None:
        self._failures.append(failure)
        self._reports.append(
            DraftReport(seat.expert.name, seat.collection, seat.weight, failure.code, _milliseconds(began), None, 0.0)
        )

    async def _retrieve(self) -> None:
        """What the joined answer is grounded in; without it there are still the drafts."""
        if self._query.grounding is None or self._options.fusion != "synthesis":
            return
        try:
            async with asyncio.timeout_at(self._ends):
                self._passages = (await self._maker.retrieve(self._query, self._actor, self._bus)).passages
        except TimeoutError:
            self._failures.append(ModelUnavailable("retrieval was too slow"))
        except RyorinError as error:
            self._failures.append(error)
        self._told.put_nowait(AnswerPart("", progress=Progress("retrieved", self._query.grounding.collection)))

    def _question(self, seat: _Seat) -> AnswerQuestion:
        """What the expert is asked: the conversation behind its own system prompt."""
        spec, query = seat.expert.spec, self._query
        system = (ChatMessage("system", spec.system),) if spec.system else ()
        grounding = None
        if seat.collection is not None:
            asked = query.grounding or GroundingOptions(seat.collection)
            # a filter is meant for the collection that was named with it
            same = asked.collection == seat.collection
            grounding = asked if same else GroundingOptions(seat.collection, asked.top_k, expand=asked.expand)
        return replace(
            query,
            messages=(*system, *query.messages),
            model=spec.model,
            grounding=grounding,
            panel=None,
            prompt=_prompt(spec.prompt),
            adapter=spec.adapter,
        )

    async def _fused(self) -> AsyncGenerator[AnswerPart, None]:
        if self._options.fusion != "synthesis":
            chosen = await vote(self._drafts, self._likeness) if self._options.fusion == "vote" else best(self._drafts)
            yield AnswerPart(chosen.answer.text, self._given(chosen.answer, self._options.fusion))
            return
        begun = False
        try:
            async with asyncio.timeout_at(self._ends), aclosing(self._joined()) as parts:
                async for part in parts:
                    begun = begun or bool(part.text)
                    yield part
        except (RyorinError, TimeoutError) as error:
            if begun:
                raise ModelUnavailable("the answer that joins the experts' drafts broke off") from error
            answer = best(self._drafts).answer
            told = self._given(replace(answer, degraded=(*answer.degraded, "fusion:synthesis")), "best")
            yield AnswerPart(answer.text, told)

    async def _joined(self) -> AsyncGenerator[AnswerPart, None]:
        """A model writes one answer from passages and drafts, both as data."""
        first = next((one.answer.model for one in self._drafts if one.answer.model != EXTRACTIVE), None)
        model = self._options.model or first
        if model is None:
            raise ModelUnavailable("no expert has a model that could join the drafts")
        messages = synthesis_messages(self._query.messages, self._drafts, f"drafts-{secrets.token_hex(8)}")
        if self._passages:
            mark = f"documents-{secrets.token_hex(8)}"
            messages = grounded_messages(messages, self._passages, mark, SYNTHESIS_TOKENS, _estimated)
        # the drafts may be kept, what is made of them is not: a change of any would have to end it
        question = replace(self._query, messages=messages, model=model, grounding=None, panel=None, use_cache=False)
        async with aclosing(self._bus.stream(question, self._actor)) as parts:
            async for part in parts:
                if part.answer is None:
                    yield part
                    continue
                answer = replace(part.answer, citations=cited(part.answer.text, self._passages))
                yield replace(part, answer=self._given(answer, "synthesis"))

    def _given(self, answer: Answer, fusion: str) -> Answer:
        decision, drafts = self._decision, tuple(self._reports)
        report = PanelReport(
            decision.id,
            decision.version,
            decision.weights,
            decision.in_scope,
            decision.out_of_scope,
            fusion,
            drafts,
        )
        failed = tuple(f"expert:{draft.expert}" for draft in drafts if draft.outcome != "answered")
        usd = sum(draft.usd for draft in drafts if draft.cache in ("miss", "bypass"))
        return replace(
            answer,
            model=EXPERTS,
            panel=report,
            usd=usd + (answer.usd if fusion == "synthesis" else 0.0),
            degraded=(*answer.degraded, *failed),
            stages={**answer.stages, **decision.stages, "panel": _milliseconds(self._started)},
        )


def _prompt(reference: str) -> PromptUse | None:
    if not reference:
        return None
    named = PromptReference.parse(reference)
    return PromptUse(named.name, named.label, named.version)


def _estimated(text: str) -> int:
    return len(text) // 2 + 1


def _late(seat: _Seat) -> ModelUnavailable:
    return ModelUnavailable(f"expert {seat.expert.name!r} did not answer in time")


def _answered(seat: _Seat, answer: Answer, began: float) -> DraftReport:
    return DraftReport(
        seat.expert.name, seat.collection, seat.weight, "answered", _milliseconds(began), answer.cache, answer.usd
    )


def _milliseconds(began: float) -> float:
    return round((perf_counter() - began) * 1000, 3)
