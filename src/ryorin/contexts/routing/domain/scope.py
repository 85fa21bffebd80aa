"""Is any expert for a question? Signs of certainty, and a logistic regression over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.routing.domain.network import TINY, Floats, softmax

SIGNS = 6
ROUNDS, RATE, RIDGE = 3000, 1.0, 1e-3
# without examples of what is for nobody: this share of what is for somebody may be taken for that
FALSE_ALARMS = 0.05
# how steep the decision is then: the odds change by e for a standard deviation of the signs' sum
ONLY_INSIDE = (1.0, 0.0, 0.0, 1.0, 1.0, 0.0)


def signs(logits: Floats, vectors: Floats, centres: Floats) -> Floats:
    """What tells (rows, SIGNS): certainty of the network three times, likeness to prototypes twice, the lead."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), TINY)
    classes, count, dimensions = centres.shape
    likeness = (unit @ centres.reshape(classes * count, dimensions).T).reshape(len(unit), classes, count).max(axis=2)
    best = logits.argmax(axis=1)
    ordered = np.sort(logits, axis=1)
    lead = ordered[:, -1] - ordered[:, -2] if classes > 1 else np.zeros(len(unit), dtype=np.float32)
    probability = softmax(logits).max(axis=1)
    return np.stack(
        [
            ordered[:, -1],
            np.log(probability + TINY),
            -np.log1p(-probability + 1e-6),
            likeness.max(axis=1),
            likeness[np.arange(len(unit)), best],
            lead,
        ],
        axis=1,
    ).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """Standardised signs, weighted; positive says that somebody is for it."""

    mean: Floats
    spread: Floats
    weights: Floats
    bias: float

    def probability(self, seen: Floats) -> Floats:
        """That some expert is for each row."""
        score = ((seen - self.mean) / self.spread) @ self.weights + np.float32(self.bias)
        probability: Floats = (1 / (1 + np.exp(-np.clip(score, -30, 30)))).astype(np.float32)
        return probability


def fit_scope(inside: Floats, outside: Floats) -> ScopeRule:
    """Learn from questions for experts and questions for none; both sides count the same."""
    mean, spread = inside.mean(axis=0), np.maximum(inside.std(axis=0), 1e-4)
    if not len(outside):
        return _from_inside(inside, mean, spread)
    seen = (np.concatenate([inside, outside]) - mean) / spread
    wanted = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    share = np.where(wanted > 0, 0.5 / len(inside), 0.5 / len(outside))
    weights, bias = np.zeros(SIGNS), 0.0
    for _ in range(ROUNDS):
        slope = (1 / (1 + np.exp(-np.clip(seen @ weights + bias, -30, 30))) - wanted) * share
        weights = weights - RATE * (seen.T @ slope + RIDGE * weights)
        bias -= RATE * float(slope.sum())
    return ScopeRule(mean.astype(np.float32), spread.astype(np.float32), weights.astype(np.float32), bias)


def _from_inside(inside: Floats, mean: Floats, spread: Floats) -> ScopeRule:
    weights = np.array(ONLY_INSIDE, dtype=np.float32)
    scores: NDArray[np.float64] = ((inside - mean) / spread) @ weights
    bound = float(np.quantile(scores, FALSE_ALARMS)) if len(scores) else 0.0
    return ScopeRule(mean.astype(np.float32), spread.astype(np.float32), weights, -bound)
