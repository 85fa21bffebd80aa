"""Query: which chunks of a collection answer a text best?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.lexical import (
    LexicalVector,
    TermStatistics,
    candidate_terms,
    query_term_ids,
    query_weights,
)
from ryorin.contexts.knowledge.domain.ranking import rank
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.errors import CollectionNotFound
from ryorin.contexts.knowledge.queries import (
    Candidate,
    ContextProbe,
    SearchChunks,
    SearchHit,
    SearchResult,
    StageScores,
)
from ryorin.contexts.knowledge.read.dense_plan import DenseCandidates, DensePlanner
from ryorin.contexts.knowledge.read.ports import ChunkIndex, ChunkRow, CollectionKey, IndexState, RerankQuestion
from ryorin.contexts.knowledge.read.recall_probe import RecallProbe
from ryorin.contexts.knowledge.read.rerank import POOL, RerankStage
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import Telemetry
from ryorin.kernel.together import together

# candidates of each list that take part in fusion; more changed no figure of benchmarks/quality.py
LIST_LIMIT = 50
LISTS_PER_HIT = 3


@dataclass(frozen=True, slots=True)
class _Lexical:
    query: LexicalVector
    candidates: tuple[Candidate, ...]
    question: QuestionTerms
    degraded: tuple[str, ...] = ()


class _Places:
    """Where candidates stand in the lists before fusion."""

    def __init__(self, dense: Sequence[Sequence[Candidate]], lexical: Sequence[Candidate]) -> None:
        self._dense = [_ranks(entries) for entries in dense]
        self._lexical = _ranks(lexical)

    def of(self, identifier: int) -> StageScores:
        """Rank and score in each list; of the dense lists the one where the score is best."""
        found = [places[identifier] for places in self._dense if identifier in places]
        dense = max(found, key=lambda place: place[1], default=(None, None))
        word = self._lexical.get(identifier, (None, None))
        return StageScores(dense[1], dense[0], word[1], word[0])


class _Stopwatch:
    """Durations of the stages in milliseconds; stages that run side by side each count their own time."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}

    def note(self, stage: str, started: float) -> None:
        self.stages[stage] = round((perf_counter() - started) * 1000, 3)


class SearchChunksHandler:
    """Two-stage search: dense and lexical lists side by side, fused, then shown."""

    def __init__(
        self,
        index: ChunkIndex,
        engine: EmbeddingEngine,
        executor: Executor,
        telemetry: Telemetry,
        recall: RecallProbe,
        rerank: RerankStage,
    ) -> None:
        self._index = index
        self._engine = engine
        self._executor = executor
        self._planner = DensePlanner(index)
        self._telemetry = telemetry
        self._recall = recall
        self._rerank = rerank

    async def __call__(self, query: SearchChunks, actor: Actor) -> SearchResult:
        key = CollectionKey(actor.org_id, query.collection)
        reranker = self._rerank.chosen(query.rerank) if query.mode == "fused" else None
        watch = _Stopwatch()
        limit = max(LIST_LIMIT, query.top_k * LISTS_PER_HIT)
        async with together() as group:
            state_task = group.create_task(self._state(query, key))
            dense_task = group.create_task(self._dense(query, key, state_task, limit, watch))
            lexical_task = group.create_task(self._lexical(query, key, limit, watch))
        state, (vectors, dense), lexical = state_task.result(), dense_task.result(), lexical_task.result()
        started = perf_counter()
        pool = max(POOL, query.top_k) if reranker else query.top_k
        ranking = rank(dense.lists, lexical.candidates)[:pool]
        watch.note("fuse", started)
        started = perf_counter()
        rows = await self._index.rows(key, [identifier for identifier, _ in ranking])
        watch.note("enrich", started)
        places = _Places(dense.lists, lexical.candidates)
        judged = await self._judged(reranker, query, lexical.question, rows, places, watch) if reranker else {}
        for stage, milliseconds in watch.stages.items():
            self._telemetry.observe("ryorin_search_stage_seconds", milliseconds / 1000, stage=stage)
        self._recall.sample(key, query.filter, vectors, dense, query.top_k)
        failed = [f"rerank:{reranker}"] if judged is None else []
        ordered = sorted(ranking, key=lambda entry: -judged.get(entry[0], 0.0)) if judged else ranking
        return SearchResult(
            hits=_hits(ordered, rows, places, judged or {})[: query.top_k],
            probe=_probe(query, limit, state, vectors, dense, lexical, pool if judged else None),
            plan=dense.plan,
            stages=watch.stages,
            degraded=(*lexical.degraded, *(f"variant:{number}" for number in dense.failed), *failed),
            reranked=judged or {},
        )

    async def _judged(
        self,
        reranker: str,
        query: SearchChunks,
        question: QuestionTerms,
        rows: Mapping[int, ChunkRow],
        places: _Places,
        watch: _Stopwatch,
    ) -> Mapping[int, float] | None:
        started = perf_counter()
        candidates = {identifier: _evidence(row, places.of(identifier)) for identifier, row in rows.items()}
        judged = await self._rerank.judged(reranker, RerankQuestion(query.text, question), candidates)
        watch.note("rerank", started)
        return judged

    async def _state(self, query: SearchChunks, key: CollectionKey) -> IndexState:
        state = await self._index.state(key, query.filter)
        if not state.exists:
            raise CollectionNotFound(f"there is no collection {query.collection!r}")
        return state

    async def _dense(
        self, query: SearchChunks, key: CollectionKey, state: Awaitable[IndexState], limit: int, watch: _Stopwatch
    ) -> tuple[NDArray[np.float32], DenseCandidates]:
        if query.mode == "lexical":
            return np.zeros((0, self._engine.dimensions), dtype=np.float32), DenseCandidates((), "lexical")
        started = perf_counter()
        loop = asyncio.get_running_loop()
        texts = (query.text, *query.variants)
        vectors = await loop.run_in_executor(self._executor, self._engine.embed_queries, texts)
        watch.note("embed", started)
        started = perf_counter()
        found = await self._planner.find(key, query.filter, vectors, await state, limit, query.top_k)
        watch.note("dense", started)
        return vectors, found

    async def _lexical(self, query: SearchChunks, key: CollectionKey, limit: int, watch: _Stopwatch) -> _Lexical:
        nothing = _Lexical(query_weights("", TermStatistics()), (), QuestionTerms.of("", {}))
        if query.mode == "vector":
            return nothing
        started = perf_counter()
        text = " ".join((query.text, *query.variants))
        try:
            statistics = await self._index.term_statistics(key, query_term_ids(text))
            weights = query_weights(text, statistics)
            terms = candidate_terms(weights, statistics)
            scored = await self._index.lexical(key, query.filter, weights, terms, limit)
        except Unavailable:
            # the dense side still answers; the response says what is missing
            return replace(nothing, question=_question(query.text, TermStatistics()), degraded=("lexical",))
        watch.note("lexical", started)
        return _Lexical(weights, scored, _question(query.text, statistics))


def _question(text: str, statistics: TermStatistics) -> QuestionTerms:
    return QuestionTerms.of(text, {term: statistics.idf(term) for term in query_term_ids(text)})


def _evidence(row: ChunkRow, scores: StageScores) -> Evidence:
    return Evidence(" ".join(row.heading_path) or row.title, row.text, scores.dense, scores.lexical)


def _hits(
    ranking: Sequence[tuple[int, float]], rows: Mapping[int, ChunkRow], places: _Places, judged: Mapping[int, float]
) -> tuple[SearchHit, ...]:
    return tuple(
        _hit(
            rows[identifier],
            judged.get(identifier, fused),
            replace(places.of(identifier), fused=fused, rerank=judged.get(identifier)),
        )
        for identifier, fused in ranking
        # without a row its document was changed between the stages
        if identifier in rows
    )


def _ranks(entries: Sequence[Candidate]) -> dict[int, tuple[int, float]]:
    return {entry.chunk_id: (place, entry.score) for place, entry in enumerate(entries, start=1)}


def _hit(row: ChunkRow, score: float, scores: StageScores) -> SearchHit:
    return SearchHit(
        chunk_id=row.chunk_id,
        document=row.document,
        version=row.version,
        title=row.title,
        heading_path=row.heading_path,
        ordinal=row.ordinal,
        text=row.text,
        start_byte=row.start_byte,
        end_byte=row.end_byte,
        score=score,
        scores=scores,
        tags=row.tags,
        metadata=row.metadata,
    )


def _probe(
    query: SearchChunks,
    limit: int,
    state: IndexState,
    vectors: NDArray[np.float32],
    dense: DenseCandidates,
    lexical: _Lexical,
    pool: int | None,
) -> ContextProbe:
    return ContextProbe(
        collection=query.collection,
        filter=query.filter,
        top_k=query.top_k,
        mode=query.mode,
        list_limit=limit,
        lexicon_epoch=state.lexicon_epoch,
        vectors=tuple(tuple(vector) for vector in vectors.tolist()),
        term_ids=tuple(lexical.query.ids.tolist()),
        term_weights=tuple(lexical.query.weights.tolist()),
        dense=dense.lists,
        lexical=lexical.candidates,
        pool=pool,
    )
