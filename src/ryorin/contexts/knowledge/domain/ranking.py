"""The order of a search's hits from its candidate lists: one function for searching and for judging changes."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.knowledge.domain.fusion import Ranked, convex_combination
from ryorin.contexts.knowledge.queries import Candidate

# what the lists of all variants count together, and what the lexical list counts: of the weights tried on the dev
# halves, these lose least in both languages (benchmarks/quality.py, ADR-0003)
DENSE_WEIGHT = 0.45
LEXICAL_WEIGHT = 0.55


def weights_of(dense_lists: int, dense_weight: float | None = None) -> tuple[float, float]:
    """The weight of each dense list and of the lexical list; a collection may have its own for vectors."""
    if dense_weight is None:
        return DENSE_WEIGHT / max(1, dense_lists), LEXICAL_WEIGHT
    return dense_weight / max(1, dense_lists), 1 - dense_weight


def rank(
    dense: Sequence[Sequence[Candidate]], lexical: Sequence[Candidate], weight: float | None = None
) -> list[tuple[int, float]]:
    """Chunk ids with fused scores (0-1), best first; `weight` is what vectors count of 1."""
    dense_weight, lexical_weight = weights_of(len(dense), weight)
    lists = [Ranked(_scored(entries), dense_weight) for entries in dense]
    return convex_combination([*lists, Ranked(_scored(lexical), lexical_weight)])


def _scored(entries: Sequence[Candidate]) -> list[tuple[int, float]]:
    return [(entry.chunk_id, entry.score) for entry in entries]
