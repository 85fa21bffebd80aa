"""The order of a search's hits from its candidate lists: one function for searching and for judging changes."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.knowledge.domain.fusion import Ranked, reciprocal_rank_fusion
from ryorin.contexts.knowledge.queries import Candidate

# what the lists of all variants count together, and what the lexical list counts (ADR-0003)
DENSE_WEIGHT = 1.0
LEXICAL_WEIGHT = 1.0


def weights_of(dense_lists: int) -> tuple[float, float]:
    """The weight of each dense list and of the lexical list."""
    return DENSE_WEIGHT / max(1, dense_lists), LEXICAL_WEIGHT


def rank(dense: Sequence[Sequence[Candidate]], lexical: Sequence[Candidate]) -> list[tuple[int, float]]:
    """Chunk ids with fused scores, best first."""
    dense_weight, lexical_weight = weights_of(len(dense))
    lists = [Ranked([entry.chunk_id for entry in entries], dense_weight) for entries in dense]
    lists.append(Ranked([entry.chunk_id for entry in lexical], lexical_weight))
    return reciprocal_rank_fusion(lists)
