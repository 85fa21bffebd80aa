"""Makes one answer without any cache: retrieve, then extract or ask a model, then cite."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter

from ryorin.contexts.answers.errors import ModelNotFound, ModelUnavailable
from ryorin.contexts.answers.module import (
    ChatDelta,
    ChatModel,
    ChatModels,
    ChatRequest,
    Extract,
    ExtractiveAnswerer,
    Passage,
    Served,
    cited,
    grounded_messages,
)
from ryorin.contexts.answers.queries import Answer, AnswerPart, AnswerQuestion, Citation, Usage
from ryorin.contexts.answers.tools import CollectedCalls
from ryorin.contexts.knowledge.expansion import RetrieveContext
from ryorin.contexts.knowledge.queries import SEARCH_MODEL, SearchChunks, SearchFilter, SearchResult
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import Clock, Ids, ReadPositions

EXTRACTIVE = "extractive"
# left for the answer when the caller sets no limit (tokens)
ANSWER_TOKENS = 512
# how long the index may take to follow a change that invalidations have dealt with already (seconds)
INDEX_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What retrieval found, and the index position it had certainly seen."""

    result: SearchResult | None
    passages: tuple[Passage, ...]
    as_of: LogPosition


@dataclass(slots=True)
class _Draft:
    """What a model has said so far."""

    text: str = ""
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    calls: CollectedCalls = field(default_factory=CollectedCalls)
    served: Served | None = None

    @property
    def begun(self) -> bool:
        return bool(self.text or self.calls.all)

    def take(self, delta: ChatDelta) -> None:
        """Add a piece."""
        self.text += delta.text
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage
        self.calls.add(delta.calls)
        self.served = delta.served or self.served


class AnswerMaker:
    """Answers a question anew; the parts end with one that holds the whole answer."""

    def __init__(
        self,
        models: ChatModels,
        extractive: ExtractiveAnswerer,
        positions: ReadPositions,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._models = models
        self._extractive = extractive
        self._positions = positions
        self._clock = clock
        self._ids = ids

    async def identity(self, model: str, actor: Actor) -> str:
        """What stands behind a model's alias; nothing for the extractive answerer and for one that is not there."""
        found = None if model == EXTRACTIVE else await self._models.find(actor, model)
        return found.identity if found else ""

    async def retrieve(
        self, query: AnswerQuestion, actor: Actor, bus: QueryBus, since: LogPosition = BEGINNING
    ) -> Retrieved:
        """The passages for a question; none when it names no collection.

        Waits two seconds at most until the index has seen the change at `since`.
        """
        if query.grounding is None:
            return Retrieved(None, (), BEGINNING)
        await self._positions.wait_for((SEARCH_MODEL,), since, INDEX_SECONDS)
        as_of = await self._positions.current((SEARCH_MODEL,))
        grounding = query.grounding
        search = SearchChunks(
            collection=grounding.collection,
            text=query.question[:8000],
            top_k=grounding.top_k,
            filter=SearchFilter(grounding.tags, grounding.metadata, grounding.documents),
            rerank=grounding.rerank,
        )
        result = (await bus.ask(RetrieveContext(search=search, expand=grounding.expand), actor)).result
        return Retrieved(result, _passages(result), as_of)

    async def make(
        self, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, whole: bool = False
    ) -> AsyncGenerator[AnswerPart, None]:
        """Generate, in one piece if nobody wants more.

        Raises ModelNotFound, ModelRejected, InvalidInput, BudgetExceeded, and ModelUnavailable without a collection.
        """
        started = perf_counter()
        if query.model == EXTRACTIVE:
            self._require_extractable(query)
            yield self._extracted(query, retrieved, started, degraded=())
            return
        model = await self._models.find(actor, query.model)
        if model is None:
            known = ", ".join(view.id for view in await self._models.aliases(actor))
            raise ModelNotFound(f"there is no model {query.model!r}; there are {known}")
        draft = _Draft()
        try:
            async with aclosing(self._generated(query, retrieved, model, draft, whole)) as parts:
                async for part in parts:
                    yield part
        except ModelUnavailable:
            # what was asked for in a form, or of tools, cannot be said in the documents' words
            if retrieved.result is None or draft.begun or query.form is not None or query.tools is not None:
                raise
            yield self._extracted(query, retrieved, started, degraded=(f"model:{query.model}",))
            return
        citations = cited(draft.text, retrieved.passages)
        answer = self._answer(query, retrieved, draft, citations, started)
        yield AnswerPart("", answer)

    def _require_extractable(self, query: AnswerQuestion) -> None:
        if query.form is not None or (query.tools is not None and query.tools.choice not in ("auto", "none")):
            raise InvalidInput(
                "the model 'extractive' answers in the documents' words: it calls no tools, writes no JSON"
            )
        if query.grounding is None:
            raise InvalidInput(
                "the model 'extractive' answers from documents only: name a collection, as"
                ' "ryorin": {"collection": NAME} in the body or as model "extractive/collection/NAME"'
            )

    async def _generated(
        self, query: AnswerQuestion, retrieved: Retrieved, model: ChatModel, draft: _Draft, whole: bool
    ) -> AsyncGenerator[AnswerPart, None]:
        messages = query.messages
        if query.grounding is not None:
            budget = model.context_tokens - (query.sampling.max_tokens or ANSWER_TOKENS)
            budget -= sum(model.count_tokens(message.content) for message in messages)
            mark = f"documents-{secrets.token_hex(8)}"
            messages = grounded_messages(messages, retrieved.passages, mark, budget, model.count_tokens)
        request = ChatRequest(
            messages,
            query.sampling,
            whole=whole,
            form=query.form,
            tools=query.tools,
            adapter=query.adapter,
            prompt=query.prompted,
        )
        async with aclosing(model.stream(request)) as deltas:
            async for delta in deltas:
                draft.take(delta)
                if delta.text or delta.calls:
                    yield AnswerPart(delta.text, calls=delta.calls)

    def _extracted(
        self, query: AnswerQuestion, retrieved: Retrieved, started: float, degraded: Sequence[str]
    ) -> AnswerPart:
        extract: Extract = self._extractive.answer(query.question, retrieved.passages)
        draft = _Draft(text=extract.text)
        answer = self._answer(query, retrieved, draft, extract.citations, started, degraded, extracted=True)
        return AnswerPart(extract.text, answer)

    def _answer(
        self,
        query: AnswerQuestion,
        retrieved: Retrieved,
        draft: _Draft,
        citations: tuple[Citation, ...],
        started: float,
        degraded: Sequence[str] = (),
        extracted: bool = False,
    ) -> Answer:
        result = retrieved.result
        generate = round((perf_counter() - started) * 1000, 3)
        served = draft.served or Served("", query.model)
        fallback = () if served.alias == query.model else (f"fallback:{served.alias}",)
        return Answer(
            id=f"chatcmpl-{self._ids.new().hex}",
            created=int(self._clock.now().timestamp()),
            model=query.model,
            text=draft.text,
            finish_reason=draft.finish_reason,
            usage=draft.usage,
            citations=citations,
            cache="miss",
            position=str(retrieved.as_of),
            stages={**(result.stages if result else {}), "generate": generate},
            extracted=extracted,
            grounded=result is not None,
            degraded=(*(result.degraded if result else ()), *fallback, *degraded),
            calls=draft.calls.all,
            served_by=served.deployment,
            usd=served.usd,
            prompt=query.prompted,
        )


def _passages(result: SearchResult) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            number=number,
            document=hit.document,
            version=hit.version,
            title=hit.title,
            heading_path=hit.heading_path,
            text=hit.text,
            start_byte=hit.start_byte,
            end_byte=hit.end_byte,
            score=hit.score,
        )
        for number, hit in enumerate(result.hits, start=1)
    )
