"""Reranking by any provider that LiteLLM knows (Cohere, Jina, Voyage, Bedrock and others)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ryorin.contexts.knowledge.domain.relevance import Evidence
from ryorin.contexts.knowledge.read.ports import RerankQuestion
from ryorin.kernel.errors import Unavailable


class LiteLlmReranker:
    """The `Reranker` port; LiteLLM is imported at the first use, since that takes seconds."""

    def __init__(self, model: str, base_url: str | None, api_key: str | None) -> None:
        self._model = model
        self._options: dict[str, Any] = {"api_base": base_url, "api_key": api_key}

    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        """The provider's scores, 0-1; raises Unavailable."""
        texts = [f"{candidate.heading}\n{candidate.text}" for candidate in candidates]
        try:
            litellm = await asyncio.to_thread(import_module, "litellm")
        except ImportError as error:
            raise Unavailable("LiteLLM is not installed: pip install 'ryorin[providers]'") from error
        try:
            answer = await litellm.arerank(
                model=self._model, query=question.text, documents=texts, top_n=len(texts), **self._options
            )
            scores = {entry["index"]: float(entry["relevance_score"]) for entry in answer.results}
            return [scores[index] for index in range(len(texts))]
        except Exception as error:  # LiteLLM raises errors of every provider's own making
            raise Unavailable(f"the reranker {self._model} failed ({type(error).__name__})") from error
