"""Vectors as pgvector reads and writes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# sparsevec's upper bound; term ids are hashes below it
SPARSE_DIMENSIONS = 1_000_000_000


def vector_literals(vectors: NDArray[np.float32]) -> list[str]:
    """Dense vectors (n, dimensions) as pgvector's text form; 5 digits are more than halfvec keeps."""
    return ["[" + ",".join(f"{value:.5g}" for value in vector) + "]" for vector in vectors.tolist()]


def parse_vector(literal: str) -> tuple[float, ...]:
    """Pgvector's text form as numbers."""
    return tuple(map(float, literal[1:-1].split(",")))


def sparse_literal(ids: NDArray[np.int32], weights: NDArray[np.float32]) -> str:
    """Term ids (from 1) and weights as pgvector's sparsevec text form."""
    pairs = ",".join(f"{term}:{weight:.5g}" for term, weight in zip(ids.tolist(), weights.tolist(), strict=True))
    return f"{{{pairs}}}/{SPARSE_DIMENSIONS}"
