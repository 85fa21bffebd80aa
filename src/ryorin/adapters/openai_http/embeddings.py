"""Vectors from an OpenAI-compatible embeddings endpoint, in batches, with retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from ryorin.kernel.errors import Unavailable

RETRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504})
RETRIES = 3
MAX_PAUSE_SECONDS = 8.0


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """Where and how to ask; prefixes are what some models want before questions and passages."""

    base_url: str
    model: str
    dimensions: int
    api_key: str | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    batch_size: int = 64
    timeout_seconds: float = 60.0


class OpenAIHttpEngine:
    """The `EmbeddingEngine` port; vectors are normalised here, whatever the server does."""

    # not known for a model that is only configured (ADR-0005)
    centre = None

    def __init__(self, endpoint: EmbeddingEndpoint, sleep: Callable[[float], None] = time.sleep) -> None:
        self._endpoint = endpoint
        self._sleep = sleep
        self._url = endpoint.base_url.rstrip("/") + "/embeddings"
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.Client(headers=headers, timeout=endpoint.timeout_seconds)

    @property
    def model_id(self) -> str:
        """Model and dimensions; the prefixes are part of what the vectors mean."""
        marks = "".join(f"@{prefix}" for prefix in (self._endpoint.query_prefix, self._endpoint.passage_prefix))
        return f"{self._endpoint.model}:{self._endpoint.dimensions}{marks if len(marks) > len('@@') else ''}"

    @property
    def dimensions(self) -> int:
        """Entries of a vector, as configured."""
        return self._endpoint.dimensions

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of questions; raises Unavailable."""
        return self._embed([self._endpoint.query_prefix + text for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of texts to be found; raises Unavailable."""
        return self._embed([self._endpoint.passage_prefix + text for text in texts])

    def count_tokens(self, text: str) -> int:
        """An estimate: a token for three Latin letters or one Japanese character."""
        wide = sum(ord(character) > 0x2E7F for character in text)  # noqa: PLR2004 - where CJK begins
        return wide + (len(text) - wide) // 3 + 1

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        size = self._endpoint.batch_size
        for start in range(0, len(texts), size):
            batch = texts[start : start + size]
            vectors[start : start + len(batch)] = self._asked(batch)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = vectors / np.maximum(norms, 1e-12)
        return unit

    def _asked(self, batch: Sequence[str]) -> NDArray[np.float32]:
        answer = self._response(batch)
        try:
            items = msgspec.json.decode(answer.content, type=_Answer).data
            vectors = np.array([item.embedding for item in sorted(items, key=lambda item: item.index)], np.float32)
        except (msgspec.DecodeError, ValueError) as error:
            raise Unavailable(f"{self._url} answered no embeddings ({error})") from error
        if vectors.shape != (len(batch), self.dimensions):
            raise Unavailable(
                f"{self._url} answered vectors of shape {vectors.shape} for {len(batch)} texts; "
                f"{self.dimensions} dimensions are configured"
            )
        return vectors

    def _response(self, batch: Sequence[str]) -> httpx.Response:
        body = {"model": self._endpoint.model, "input": list(batch), "encoding_format": "float"}
        for attempt in range(RETRIES + 1):
            try:
                response = self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                if attempt == RETRIES:
                    raise Unavailable(f"{self._url} cannot be reached ({type(error).__name__})") from error
            else:
                if response.is_success:
                    return response
                if response.status_code not in RETRYABLE or attempt == RETRIES:
                    raise Unavailable(f"{self._url} answered HTTP {response.status_code}: {response.text[:200]}")
            self._sleep(min(MAX_PAUSE_SECONDS, 0.5 * 2**attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")
