"""What an embedding engine is, for every part of Ryorin that needs vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class EmbeddingEngine(Protocol):
    """Turns texts into L2-normalised vectors. Synchronous and CPU-bound: callers run it in a thread."""

    @property
    def model_id(self) -> str:
        """Name and revision; vectors of different ids are never compared."""
        ...

    @property
    def dimensions(self) -> int: ...

    @property
    def centre(self) -> NDArray[np.float32] | None:
        """The mean of the model's passage vectors over general text, which the index subtracts (ADR-0005);
        None: not known, or nothing to subtract."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of questions."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) of texts to be found."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens the model reads of a text, its own markers left out."""
        ...
