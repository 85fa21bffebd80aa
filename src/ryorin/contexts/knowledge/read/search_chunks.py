"""Query: which chunks of a collection answer a text best?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.lexical import (
    CANDIDATE_CHUNKS,
    LexicalVector,
    TermStatistics,
    candidate_terms,
    query_term_ids,
    query_weights,
)
from ryorin.contexts.knowledge.domain.ranking import rank
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms, with_freshness
from ryorin.contexts.knowledge.errors import CollectionNotFound
from ryorin.contexts.knowledge.pipeline import DEFAULT_EMBEDDING
from ryorin.contexts.knowledge.queries import (
    DEFAULT_TOP_K,
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
from ryorin.contexts.knowledge.read.remembered_queries import RememberedQueries
from ryorin.contexts.knowledge.read.rerank import POOL, RerankStage
from ryorin.contexts.knowledge.read.stored_vectors import StoredVectors
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


@dataclass(frozen=True, slots=True)
class _Wish:
    """How many hits, chosen from how much of the fused ranking by which reranker, fused with which weight."""

    top_k: int
    depth: int
    reranker: str | None
    dense_weight: float | None
    freshness: float
    half_life_days: float


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
        stored: StoredVectors,
        spaces: Mapping[str, RememberedQueries],
        executor: Executor,
        telemetry: Telemetry,
        recall: RecallProbe,
        rerank: RerankStage,
    ) -> None:
        self._index = index
        self._stored = stored
        self._spaces = spaces
        self._model_id = spaces[DEFAULT_EMBEDDING].model_id
        self._executor = executor
        self._planner = DensePlanner(index)
        self._telemetry = telemetry
        self._recall = recall
        self._rerank = rerank

    async def __call__(self, query: SearchChunks, actor: Actor) -> SearchResult:
        key = CollectionKey.of(actor, query.collection)
        # an unknown name is refused before anything is searched
        self._rerank.chosen(query.rerank)
        watch = _Stopwatch()
        limit = max(LIST_LIMIT, (query.top_k or DEFAULT_TOP_K) * LISTS_PER_HIT)
        async with together() as group:
            state_task = group.create_task(self._state(query, key))
            dense_task = group.create_task(self._dense(query, key, state_task, limit, watch))
            lexical_task = group.create_task(self._lexical(query, key, state_task, limit, watch))
        state, (vectors, dense), lexical = state_task.result(), dense_task.result(), lexical_task.result()
        wish = self._wish(query, state)
        started = perf_counter()
        ranking = rank(dense.lists, lexical.candidates, wish.dense_weight)[: wish.depth]
        watch.note("fuse", started)
        started = perf_counter()
        rows = await self._index.rows(key, [identifier for identifier, _ in ranking])
        watch.note("enrich", started)
        places = _Places(dense.lists, lexical.candidates)
        judged = await self._judged(wish, query, lexical.question, rows, places, watch)
        for stage, milliseconds in watch.stages.items():
            self._telemetry.observe("ryorin_search_stage_seconds", milliseconds / 1000, stage=stage)
        self._recall.sample(dense, wish.top_k, vectors, lambda vector, top: self._exact(key, query, state, vector, top))
        ordered = sorted(ranking, key=lambda entry: -judged.get(entry[0], 0.0)) if judged else ranking
        return SearchResult(
            hits=_hits(ordered, rows, places, judged or {})[: wish.top_k],
            probe=_probe(query, key, wish, limit, state, vectors, dense, lexical, bool(judged), self._model_id),
            plan=dense.plan,
            stages=watch.stages,
            degraded=_degraded(dense, lexical, state, wish.reranker if judged is None else None),
            reranked=judged or {},
            pipeline=state.pipeline,
        )

    def _wish(self, query: SearchChunks, state: IndexState) -> _Wish:
        """What is asked for: by the request, else by the collection, else as usual."""
        pipeline = state.pipeline
        top_k = query.top_k or pipeline.answer.top_k or DEFAULT_TOP_K
        own = self._rerank.of_collection(pipeline.rerank.by)
        chosen = own if query.rerank is None else self._rerank.chosen(query.rerank)
        reranker = chosen if query.mode == "fused" else None
        depth = max(pipeline.rerank.pool or POOL, top_k) if reranker else top_k
        dense_weight = pipeline.fuse.dense_weight if query.mode == "fused" else None
        stage = pipeline.rerank
        return _Wish(top_k, depth, reranker, dense_weight, stage.freshness or 0.0, stage.half_life_days)

    async def _exact(
        self, key: CollectionKey, query: SearchChunks, state: IndexState, vector: NDArray[np.float32], top_k: int
    ) -> Sequence[Candidate]:
        if state.serving is None:
            return await self._index.nearest_filtered(key, query.filter, vector, top_k, exact=True)
        return await self._stored.exact(key, query.filter, state.serving, vector, top_k)

    async def _judged(
        self,
        wish: _Wish,
        query: SearchChunks,
        question: QuestionTerms,
        rows: Mapping[int, ChunkRow],
        places: _Places,
        watch: _Stopwatch,
    ) -> Mapping[int, float] | None:
        if wish.reranker is None:
            return {}
        started = perf_counter()
        candidates = {identifier: _evidence(row, places.of(identifier)) for identifier, row in rows.items()}
        judged = await self._rerank.judged(wish.reranker, RerankQuestion(query.text, question), candidates)
        if judged and wish.freshness:
            updated_at = {identifier: row.updated_at for identifier, row in rows.items()}
            judged = with_freshness(judged, updated_at, wish.freshness, wish.half_life_days)
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
        nothing = np.zeros((0, 1), dtype=np.float32)
        if query.mode == "lexical":
            return nothing, DenseCandidates((), "lexical")
        # with a single engine nobody has to ask which one the collection has
        name = DEFAULT_EMBEDDING if len(self._spaces) == 1 else _embedding(await state)
        if name not in self._spaces:
            return nothing, DenseCandidates((), "none", degraded=(f"embedding:{name}",))
        started = perf_counter()
        texts = (query.text, *query.variants)
        engine = self._spaces[name]
        vectors = await asyncio.get_running_loop().run_in_executor(self._executor, engine.embed_queries, texts)
        watch.note("embed", started)
        met = await state
        if _embedding(met) != name:
            return nothing, DenseCandidates((), "none", degraded=(f"embedding:{_embedding(met)}",))
        started = perf_counter()
        needed = query.top_k or met.pipeline.answer.top_k or DEFAULT_TOP_K
        finder = self._planner if met.serving is None else self._stored
        found = await finder.find(key, query.filter, vectors, met, limit, needed)
        watch.note("dense", started)
        return vectors, found

    async def _lexical(
        self, query: SearchChunks, key: CollectionKey, state: Awaitable[IndexState], limit: int, watch: _Stopwatch
    ) -> _Lexical:
        nothing = _Lexical(query_weights("", TermStatistics()), (), QuestionTerms.of("", {}))
        if query.mode == "vector":
            return nothing
        started = perf_counter()
        text = " ".join((query.text, *query.variants))
        try:
            statistics = await self._index.term_statistics(key, query_term_ids(text))
            weights = query_weights(text, statistics)
            met = await state
            # a filter leaves few chunks to score, and those may hold the common terms only
            everything = query.filter.empty and met.matching_chunks == met.live_chunks
            terms = candidate_terms(weights, statistics, CANDIDATE_CHUNKS if everything else math.inf)
            scored = await self._index.lexical(key, query.filter, weights, terms, limit)
        except Unavailable:
            # the dense side still answers; the response says what is missing
            return replace(nothing, question=_question(query.text, TermStatistics()), degraded=("lexical",))
        watch.note("lexical", started)
        return _Lexical(weights, scored, _question(query.text, statistics))


def _embedding(state: IndexState) -> str:
    return DEFAULT_EMBEDDING if state.serving is None else state.serving.embedding


def _degraded(dense: DenseCandidates, lexical: _Lexical, state: IndexState, failed: str | None) -> tuple[str, ...]:
    behind = ("index:behind",) if state.behind else ()
    variants = tuple(f"variant:{number}" for number in dense.failed)
    return (*lexical.degraded, *variants, *dense.degraded, *behind, *((f"rerank:{failed}",) if failed else ()))


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
    key: CollectionKey,
    wish: _Wish,
    limit: int,
    state: IndexState,
    vectors: NDArray[np.float32],
    dense: DenseCandidates,
    lexical: _Lexical,
    reranked: bool,
    model_id: str,
) -> ContextProbe:
    return ContextProbe(
        collection=query.collection,
        filter=query.filter,
        top_k=wish.top_k,
        mode=query.mode,
        list_limit=limit,
        lexicon_epoch=state.lexicon_epoch,
        vectors=tuple(tuple(vector) for vector in vectors.tolist()),
        term_ids=tuple(lexical.query.ids.tolist()),
        term_weights=tuple(lexical.query.weights.tolist()),
        dense=dense.lists,
        lexical=lexical.candidates,
        pool=wish.depth if reranked else None,
        dense_weight=wish.dense_weight,
        model_id=state.serving.model_id if state.serving else model_id,
        readers=key.readers,
    )
