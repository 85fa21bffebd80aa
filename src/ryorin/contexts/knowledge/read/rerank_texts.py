"""Query: which of these texts answer a question best?"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import Executor

import numpy as np

from ryorin.contexts.knowledge.domain.lexical import (
    LexicalVector,
    TermStatistics,
    chunk_weights,
    query_term_ids,
    query_weights,
)
from ryorin.contexts.knowledge.domain.relevance import Evidence, QuestionTerms
from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.queries import JudgedText, RerankTexts
from ryorin.contexts.knowledge.read.ports import RerankQuestion
from ryorin.contexts.knowledge.read.rerank import RerankStage
from ryorin.kernel.errors import InvalidInput, Unavailable
from ryorin.kernel.messages import Actor


class RerankTextsHandler:
    """Judges texts as a search judges its candidates; these texts alone say which words are rare."""

    def __init__(self, stage: RerankStage, space: EmbeddingEngine, executor: Executor) -> None:
        self._stage = stage
        self._space = space
        self._executor = executor

    async def __call__(self, query: RerankTexts, actor: Actor) -> tuple[JudgedText, ...]:
        name = self._stage.chosen(query.by)
        if name is None:
            raise InvalidInput("the reranker 'none' judges nothing; name another")
        loop = asyncio.get_running_loop()
        question, candidates = await loop.run_in_executor(self._executor, self._prepared, query)
        scores = await self._stage.judged(name, question, candidates)
        if scores is None:
            raise Unavailable(f"the reranker {name!r} does not answer")
        ordered = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
        return tuple(JudgedText(index, float(score)) for index, score in ordered[: query.top_n])

    def _prepared(self, query: RerankTexts) -> tuple[RerankQuestion, dict[int, Evidence]]:
        chunks = [chunk_weights(text, "") for text in query.texts]
        frequencies = Counter(term for chunk in chunks for term in chunk.ids.tolist())
        statistics = TermStatistics(len(chunks), frequencies)
        asked = query_weights(query.query, statistics)
        terms = QuestionTerms.of(query.query, {term: statistics.idf(term) for term in query_term_ids(query.query)})
        vector = self._space.embed_queries([query.query])[0]
        cosines = self._space.embed_passages(query.texts) @ vector
        evidence = {
            number: Evidence("", text, float(cosine), _score(asked, chunk))
            for number, (text, cosine, chunk) in enumerate(zip(query.texts, cosines, chunks, strict=True))
        }
        return RerankQuestion(query.query, terms), evidence


def _score(asked: LexicalVector, chunk: LexicalVector) -> float:
    _, left, right = np.intersect1d(asked.ids, chunk.ids, assume_unique=True, return_indices=True)
    return float(asked.weights[left] @ chunk.weights[right])
