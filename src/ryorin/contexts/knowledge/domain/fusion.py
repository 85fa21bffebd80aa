"""Fusion of ranked lists by a convex combination of their scores (Bruch, Gai and Ingber, "An Analysis of Fusion
Functions for Hybrid Retrieval", ACM TOIS 2023; measured against reciprocal rank fusion in ADR-0003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranked list of (id, score), best first, and how much it counts."""

    entries: Sequence[tuple[int, float]]
    weight: float = 1.0

    @property
    def top(self) -> float:
        """The best score, 0 for an empty list."""
        return self.entries[0][1] if self.entries else 0.0


def convex_combination(lists: Sequence[Ranked]) -> list[tuple[int, float]]:
    """Ids with their fused scores, best first; equal scores are ordered by id, so that runs repeat."""
    scores: dict[int, float] = {}
    for ranked in lists:
        for identifier, score in ranked.entries:
            scores[identifier] = scores.get(identifier, 0.0) + ranked.weight * share(score, ranked.top)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def share(score: float, top: float) -> float:
    """A score as a share of the best one of its list, 0-1."""
    return max(0.0, score) / top if top > 0 else 0.0
