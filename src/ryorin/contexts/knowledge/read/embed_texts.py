"""Query: what are the vectors of these texts?"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.contexts.knowledge.queries import Embeddings, EmbedTexts
from ryorin.kernel.messages import Actor


class EmbedTextsHandler:
    """Embeds on the read side's own executor, so that ingestion is never in the way."""

    def __init__(self, engine: EmbeddingEngine, executor: Executor) -> None:
        self._engine = engine
        self._executor = executor

    async def __call__(self, query: EmbedTexts, actor: Actor) -> Embeddings:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._embed, query)

    def _embed(self, query: EmbedTexts) -> Embeddings:
        embed = self._engine.embed_queries if query.kind == "query" else self._engine.embed_passages
        vectors = tuple(tuple(vector) for vector in embed(query.texts).tolist())
        tokens = sum(self._engine.count_tokens(text) for text in query.texts)
        return Embeddings(self._engine.model_id, vectors, tokens)
