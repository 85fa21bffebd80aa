"""A second embedding model for benchmarks: hashed trigrams, quick to make and good at exact wordings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 256


class Trigrams:
    """The `EmbeddingEngine` port."""

    model_id, dimensions, centre = "trigrams@1", DIMENSIONS, None

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions)."""
        return np.stack([_vector(text) for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions)."""
        return self.embed_queries(texts)

    def count_tokens(self, text: str) -> int:
        """A third of its characters."""
        return len(text) // 3 + 1


@lru_cache(maxsize=100_000)
def _place(trigram: str) -> int:
    return int.from_bytes(hashlib.blake2b(trigram.encode(), digest_size=4).digest(), "big") % DIMENSIONS


def _vector(text: str) -> NDArray[np.float32]:
    vector = np.full(DIMENSIONS, 1e-3, dtype=np.float32)
    for start in range(len(text) - 2):
        vector[_place(text[start : start + 3])] += 1
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit
