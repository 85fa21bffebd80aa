"""Answering in memory: a shelf of passages to search, models that say what they are told, a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.local.expansions import MemoryExpansions
from ryorin.adapters.local.hot_answers import MemoryHotAnswers
from ryorin.adapters.local.system import TimeOrderedIds
from ryorin.adapters.memory.answer_flights import MemoryAnswerFlights
from ryorin.adapters.memory.answers import MemoryAnswers
from ryorin.adapters.memory.clock import StandingClock
from ryorin.adapters.memory.semantic import MemorySemanticStore
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.contexts.answers.module import ChatDelta, ChatRequest, ExtractiveAnswerer
from ryorin.contexts.answers.queries import Answer, AnswerPart, AnswerQuestion, ChatMessage, GroundingOptions, ModelView
from ryorin.contexts.knowledge.expansion import RetrieveContext
from ryorin.contexts.knowledge.module import analyse, split_sentences
from ryorin.contexts.knowledge.pipeline import CacheStage
from ryorin.contexts.knowledge.queries import (
    Candidate,
    ContextProbe,
    SearchChunks,
    SearchFilter,
    SearchHit,
    SearchResult,
    StageScores,
)
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, OrgId, Scope
from ryorin.processes.answer_layers import AnswerLayers, CacheDefaults
from ryorin.processes.answer_question import AnswerQuestionProcess
from ryorin.processes.expand_query import ExpandQueryProcess
from ryorin.processes.expert_panel import ExpertPanel
from ryorin.processes.freshness_check import FreshnessCheck
from ryorin.processes.make_answer import AnswerMaker
from ryorin.processes.retrieve_context import RetrieveContextProcess
from ryorin.processes.semantic_hits import SemanticHits
from ryorin.processes.shared_flights import SharedFlights

ORG = OrgId("a")
ACTOR = Actor(ORG, "someone", frozenset({Scope.ANSWERS_READ, Scope.KNOWLEDGE_READ}))
TTL_SECONDS = 3600.0


class Positions:
    def __init__(self) -> None:
        self.position = LogPosition(5, 1)
        self._moved = asyncio.Event()

    async def current(self, read_models: Sequence[str]) -> LogPosition:
        return self.position

    async def told(self, read_models: Sequence[str]) -> LogPosition:
        return self.position

    async def wait_for(self, read_models: Sequence[str], position: LogPosition, timeout_seconds: float) -> bool:
        if self.position < position:
            # nobody wants to wait for seconds here
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), min(timeout_seconds, 0.2))
        return self.position >= position

    def reach(self, position: LogPosition) -> None:
        """Go on to a position, and wake who waits for it."""
        self.position = position
        self._moved.set()


def probe_of(dense: Sequence[Candidate], limit: int = 10, top_k: int = 5, **more: object) -> ContextProbe:
    """A probe that looks along (1, 0) and for the term 1."""
    parts: dict[str, object] = {
        "collection": "docs",
        "filter": SearchFilter(),
        "top_k": top_k,
        "mode": "fused",
        "list_limit": limit,
        "lexicon_epoch": 1,
        "vectors": ((1.0, 0.0),),
        "term_ids": (1,),
        "term_weights": (1.0,),
        "dense": (tuple(dense),),
        "lexical": (),
    }
    return ContextProbe(**{**parts, **more})  # type: ignore[arg-type]  # the parts above, some replaced


@dataclass
class Shelf:
    """Handler of SearchChunks: every passage is found, best first."""

    positions: Positions
    passages: dict[str, str] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    searches: int = 0

    async def __call__(self, query: SearchChunks, actor: Actor) -> SearchResult:
        self.searches += 1
        # the index goes on while it is searched
        self.positions.position = LogPosition(self.positions.position.transaction_id + 1, 1)
        hits = [_hit(number, name, text) for number, (name, text) in enumerate(self.passages.items(), start=1)]
        candidates = [Candidate(hit.chunk_id, hit.document, hit.score) for hit in hits]
        return SearchResult(
            tuple(hits), probe_of(candidates, collection=query.collection), "exact", {"dense": 1.0}, self.degraded
        )


def _hit(number: int, document: str, text: str) -> SearchHit:
    return SearchHit(
        chunk_id=number,
        document=document,
        version=1,
        title=document,
        heading_path=(),
        ordinal=0,
        text=text,
        start_byte=0,
        end_byte=len(text.encode()),
        score=1 / number,
        scores=StageScores(),
    )


@dataclass
class Parrot:
    """A ChatModel that says its words, raising what is an error among them, waiting for what is an event."""

    words: Sequence[str | Exception | asyncio.Event]
    context_tokens: int = 4096
    identity: str = "parrot"
    finish_reason: str = "stop"
    requests: list[ChatRequest] = field(default_factory=list)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        self.requests.append(request)
        for word in self.words:
            if isinstance(word, Exception):
                raise word
            if isinstance(word, asyncio.Event):
                await word.wait()
                continue
            yield ChatDelta(word)
        yield ChatDelta("", finish_reason=self.finish_reason)

    def count_tokens(self, text: str) -> int:
        return len(text) // 4


@dataclass
class Changes:
    """The log: the newest change of any collection, how often it was asked, and whether it can be."""

    newest: LogPosition | None = None
    asked: int = 0
    down: bool = False

    async def newest_after(self, org_id: OrgId, collection: str, after: LogPosition) -> LogPosition | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("the log does not answer")
        return self.newest if self.newest and self.newest > after else None


@dataclass
class Stages:
    """What all collections have decided."""

    stage: CacheStage = field(default_factory=CacheStage)

    async def of(self, org_id: OrgId, collection: str) -> CacheStage:
        return self.stage


async def letters(texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
    """Bags of letters, of unit length."""
    counts = np.array([[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32) + 0.01
    return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True), dtype=np.float32)


@dataclass
class Perch:
    """The ChatModels port: parrots by alias, for everybody."""

    models: Mapping[str, Parrot]

    async def find(self, actor: Actor, alias: str) -> Parrot | None:
        return self.models.get(alias)

    async def aliases(self, actor: Actor) -> Sequence[ModelView]:
        return [ModelView(alias, "parrot", "tests") for alias in ("extractive", *self.models)]


async def _letters_of(texts: Sequence[str]) -> NDArray[np.float32]:
    return await letters(texts, "query")


class Stage:
    """Everything that answers, wired on memory."""

    def __init__(self, defaults: CacheDefaults = CacheDefaults(TTL_SECONDS), **models: Parrot) -> None:  # noqa: B008
        self.models = models
        self.clock, self.positions, self.telemetry = StandingClock(), Positions(), MemoryTelemetry()
        self.epoch = 1
        self.noted: list[tuple[OrgId, str | None, str]] = []
        self.changes, self.stages = Changes(), Stages()
        self.check = FreshnessCheck(self.changes, self.positions)
        self.hot = MemoryHotAnswers(1_000_000, 60, self.check.checked_at)
        self.hot.connection(True)
        self.store = MemoryAnswers(self.clock, lambda org_id, collection: self.epoch, self.hot.told)
        self.shelf: Shelf = Shelf(self.positions, {"office.md": "The Tokyo office opens at nine."})
        extractive = ExtractiveAnswerer(split_sentences, analyse)
        maker = AnswerMaker(Perch(models), extractive, self.positions, self.clock, TimeOrderedIds())
        layers = AnswerLayers(self.hot, self.store, self.check, self.stages, self.store, defaults, lambda: 0.0)
        # what the dice of exploration show
        self.thrown = 0.0
        self.paraphrases = MemorySemanticStore()
        self.semantic = SemanticHits(self.paraphrases, letters, analyse, TimeOrderedIds(), lambda: self.thrown)
        self.process = AnswerQuestionProcess(
            maker,
            layers,
            SharedFlights(MemoryAnswerFlights()),
            self.semantic,
            lambda: self.bus,
            self.telemetry,
            self._note,
            ExpertPanel(maker, lambda: self.bus, _letters_of),
        )
        expansion = ExpandQueryProcess((), MemoryExpansions(), self.telemetry)
        retrieval = RetrieveContextProcess(expansion, lambda: self.bus, deadline_seconds=0.0)
        handlers = {
            SearchChunks: lambda query, actor: self.shelf(query, actor),
            RetrieveContext: retrieval,
            AnswerQuestion: self.process.answer,
        }
        self.bus = QueryBus(handlers, self.positions, self.telemetry, {AnswerQuestion: self.process.stream})

    def _note(self, org_id: OrgId, collection: str | None, answer: Answer) -> None:
        self.noted.append((org_id, collection, answer.cache))

    @property
    def layers(self) -> list[str]:
        """Where answers came from, as it was counted."""
        counted = self.telemetry.counted
        return [labels["layer"] for name, labels in counted if name == "ryorin_cache_requests_total"]

    async def ask(self, query: AnswerQuestion, actor: Actor = ACTOR) -> Answer:
        return await self.bus.ask(query, actor)

    async def stream(self, query: AnswerQuestion, actor: Actor = ACTOR) -> list[AnswerPart]:
        return [part async for part in self.bus.stream(query, actor)]

    def forget_evidence(self) -> None:
        """Have the evidence read anew."""
        self.semantic.forget()

    def forget(self) -> None:
        """Empty this process's memory."""
        self.hot.connection(True)


def question(
    text: str = "When does the Tokyo office open?", model: str = "extractive", collection: str | None = "docs"
) -> AnswerQuestion:
    grounding = GroundingOptions(collection) if collection else None
    return AnswerQuestion(messages=(ChatMessage("user", text),), model=model, grounding=grounding)
