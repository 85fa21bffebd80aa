"""Reciprocal rank fusion of ranked lists (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# small against the paper's 60: our lists are good at their heads (measured by benchmarks/quality.py, ADR-0003)
RRF_K = 10.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranked list of ids, best first, and how much it counts."""

    ids: Sequence[int]
    weight: float = 1.0


def reciprocal_rank_fusion(lists: Sequence[Ranked], k: float = RRF_K) -> list[tuple[int, float]]:
    """Ids with their fused scores, best first; equal scores are ordered by id, so that runs repeat."""
    scores: dict[int, float] = {}
    for ranked in lists:
        for rank, identifier in enumerate(ranked.ids, start=1):
            scores[identifier] = scores.get(identifier, 0.0) + ranked.weight / (k + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
