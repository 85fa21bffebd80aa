"""How well a gate decides: accuracy, macro-F1, expected calibration error, area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.routing.domain.network import Floats, Labels

BINS = 15


def macro_f1(predicted: Labels, labels: Labels) -> float:
    """The mean of each class's F1; of classes that occur."""
    scores = []
    for one in np.unique(labels):
        hits = int(((predicted == one) & (labels == one)).sum())
        scores.append(2 * hits / (int((predicted == one).sum()) + int((labels == one).sum())))
    return float(np.mean(scores)) if scores else 0.0


def calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Expected calibration error of the best class (Naeini et al., 2015): |accuracy - certainty|, over 15 bins."""
    certainty, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum((certainty * BINS).astype(int), BINS - 1)
    total = 0.0
    for one in range(BINS):
        inside = bins == one
        if inside.any():
            total += inside.mean() * abs(float(right[inside].mean()) - float(certainty[inside].mean()))
    return total


def auroc(inside: NDArray[np.floating], outside: NDArray[np.floating]) -> float:
    """How often something inside has a greater score than something outside; ties count half (Mann and Whitney)."""
    scores = np.concatenate([inside, outside]).astype(np.float64)
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    wins = ranks[: len(inside)].sum() - len(inside) * (len(inside) + 1) / 2
    return float(wins / (len(inside) * len(outside)))
