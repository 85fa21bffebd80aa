"""Reranking by a server's `/rerank` endpoint, as llama.cpp, vLLM, Jina and Cohere offer it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import httpx
import msgspec

from ryorin.contexts.knowledge.domain.relevance import Evidence
from ryorin.contexts.knowledge.read.ports import RerankQuestion
from ryorin.kernel.errors import Unavailable


class _Result(msgspec.Struct):
    index: int
    relevance_score: float


class _Answer(msgspec.Struct):
    results: list[_Result]


class RerankEndpoint:
    """The `Reranker` port; the caller bounds the time."""

    def __init__(self, base_url: str, model: str, api_key: str | None, client: httpx.AsyncClient) -> None:
        base = base_url.rstrip("/")
        self._url = base if base.endswith("/rerank") else f"{base}/rerank"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = client

    async def scores(self, question: RerankQuestion, candidates: Sequence[Evidence]) -> Sequence[float]:
        """The server's scores, 0-1; raises Unavailable when it fails or does not judge every candidate."""
        texts = [f"{candidate.heading}\n{candidate.text}" for candidate in candidates]
        body = {"model": self._model, "query": question.text, "documents": texts, "top_n": len(texts)}
        try:
            response = await self._client.post(self._url, json=body, headers=self._headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"the reranker {self._url} failed ({type(error).__name__})") from error
        if not response.is_success:
            raise Unavailable(f"the reranker {self._url} answered HTTP {response.status_code}")
        try:
            results = msgspec.json.decode(response.content, type=_Answer).results
        except msgspec.DecodeError as error:
            raise Unavailable(f"the reranker {self._url} answered rubbish ({error})") from error
        scores = {result.index: result.relevance_score for result in results}
        if sorted(scores) != list(range(len(texts))):
            raise Unavailable(f"the reranker {self._url} judged {len(scores)} of {len(texts)} candidates")
        return probabilities([scores[index] for index in range(len(texts))])


def probabilities(scores: Sequence[float]) -> list[float]:
    """Scores as they are when all lie in 0-1; some servers answer logits, and those are squashed."""
    if all(0 <= score <= 1 for score in scores):
        return list(scores)
    return [1 / (1 + math.exp(-max(-50.0, min(50.0, score)))) for score in scores]
