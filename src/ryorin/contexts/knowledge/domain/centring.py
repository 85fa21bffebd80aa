"""The space of the index: an engine's vectors less their common centre, normalised again (ADR-0005).

Sentence encoders put all texts into a narrow cone, where a few hubs are near to everything; a graph index built in the
order of documents then loses whole regions. Centring removes hubs (Suzuki et al., "Centering Similarity Measures to
Reduce Hubs", EMNLP 2013).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.embedding import EmbeddingEngine


def centred(engine: EmbeddingEngine) -> EmbeddingEngine:
    """The engine that the index uses: `engine` itself when it names no centre."""
    return engine if engine.centre is None else _CentredEngine(engine, engine.centre)


class _CentredEngine:
    """The `EmbeddingEngine` port: unit vectors around the origin."""

    centre = None

    def __init__(self, engine: EmbeddingEngine, centre: NDArray[np.float32]) -> None:
        self._engine = engine
        self._centre = centre
        self._mark = hashlib.blake2b(centre.tobytes(), digest_size=4).hexdigest()

    @property
    def model_id(self) -> str:
        """The engine's, and which centre was subtracted."""
        return f"{self._engine.model_id}-centred-{self._mark}"

    @property
    def dimensions(self) -> int:
        """The engine's."""
        return self._engine.dimensions

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of questions."""
        return self._centred(self._engine.embed_queries(texts))

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of texts to be found."""
        return self._centred(self._engine.embed_passages(texts))

    def count_tokens(self, text: str) -> int:
        """The engine's."""
        return self._engine.count_tokens(text)

    def _centred(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = vectors - self._centre
        norms = np.linalg.norm(moved, axis=1, keepdims=True)
        unit: NDArray[np.float32] = moved / np.maximum(norms, 1e-12)
        return unit
