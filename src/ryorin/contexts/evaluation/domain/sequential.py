"""Looking while items come in, and stopping when enough is known, without fooling oneself.

A wealth process bets against "B is no better than A"; it may be looked at after every item, since under no difference
it exceeds 1/alpha with a probability of at most alpha, ever (Ville, 1939; Waudby-Smith & Ramdas, 2024, "Estimating
means of bounded random variables by betting", predictable plug-in).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# the bets never risk all: an item against them leaves something
BOLDEST = 0.5
GRID = 201


@dataclass(slots=True)
class BettingTest:
    """Whether the mean of differences in [-1, 1] is above `margin`; `evidence` is the wealth, from 1."""

    margin: float = 0.0
    evidence: float = 1.0
    best: float = 1.0
    items: int = 0
    _total: float = 0.0
    _square: float = 0.25

    def take(self, difference: float) -> None:
        """One more item; the bet on it was decided by those before."""
        value, null = (difference + 1) / 2, (self.margin + 1) / 2
        mean = (0.5 + self._total) / (self.items + 1)
        variance = self._square / (self.items + 1)
        bet = min(max(0.0, (mean - null) / (variance + (mean - null) ** 2)), BOLDEST / max(null, 1e-9))
        self.evidence *= 1 + bet * (value - null)
        self.best = max(self.best, self.evidence)
        self.items += 1
        self._total += value
        self._square += (value - (0.5 + self._total) / (self.items + 1)) ** 2

    def shown(self, alpha: float = 0.05) -> bool:
        """Whether it is above, as far as was ever looked."""
        return self.best >= 1 / alpha

    @property
    def p_value(self) -> float:
        """Valid whenever one looks."""
        return min(1.0, 1 / self.best)


def confidence_sequence(differences: Iterable[float], alpha: float = 0.05) -> tuple[float, float]:
    """Bounds of the mean of values in [-1, 1] that hold at every moment at once: what no wealth speaks against.

    Half of the money is on each side (the hedged process of the paper); the grid is .01 wide.
    """
    means = np.linspace(0.0, 1.0, GRID)
    up, down = np.zeros(GRID), np.zeros(GRID)
    alive = np.ones(GRID, dtype=bool)
    count, total, square = 0, 0.0, 0.25
    for difference in differences:
        value = (difference + 1) / 2
        variance = square / (count + 1)
        bet = math.sqrt(2 * math.log(2 / alpha) / (variance * (count + 1) * math.log(count + 2)))
        up += np.log1p(np.minimum(bet, BOLDEST / np.maximum(means, 1e-9)) * (value - means))
        down += np.log1p(-np.minimum(bet, BOLDEST / np.maximum(1 - means, 1e-9)) * (value - means))
        alive &= np.maximum(up, down) + math.log(0.5) < math.log(1 / alpha)
        count, total = count + 1, total + value
        square += (value - (0.5 + total) / (count + 1)) ** 2
    return _bounds(means, alive)


def _bounds(means: NDArray[np.float64], alive: NDArray[np.bool_]) -> tuple[float, float]:
    kept = means[alive]
    if not len(kept):  # less than a step of the grid is left
        return math.nan, math.nan
    step = 1 / (GRID - 1)
    return max(-1.0, 2 * (float(kept[0]) - step) - 1), min(1.0, 2 * (float(kept[-1]) + step) - 1)
