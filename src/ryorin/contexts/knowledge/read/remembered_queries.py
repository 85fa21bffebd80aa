"""Vectors of questions that were asked before: a question is embedded once, and its further wordings too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.embedding import EmbeddingEngine
from ryorin.kernel.bounded import Remembered


class RememberedQueries:
    """Embeds questions with an engine, except those whose vectors (4 bytes a dimension) are still in memory."""

    def __init__(self, engine: EmbeddingEngine, limit: int) -> None:
        self._engine = engine
        self._vectors: Remembered[str, NDArray[np.float32]] = Remembered(limit)

    @property
    def model_id(self) -> str:
        """The engine's."""
        return self._engine.model_id

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of questions, from one call for all that are new."""
        known = {text: self._vectors.get(text) for text in texts}
        new = [text for text, vector in known.items() if vector is None]
        if new:
            for text, vector in zip(new, self._engine.embed_queries(new), strict=True):
                known[text] = vector
                self._vectors.put(text, vector)
        return np.stack([vector for text in texts if (vector := known[text]) is not None])
