"""Intervals of rates, and several comparisons at once: what every count of good and bad is told with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds that hold it at the given confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = CONFIDENCE


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of a rate (Wilson, 1927); of no trials nothing is known: 0 to 1."""
    if trials == 0:
        return Interval(math.nan, 0.0, 1.0, confidence)
    z = normal_quantile(confidence)
    rate, square = successes / trials, z * z
    middle = (rate + square / (2 * trials)) / (1 + square / trials)
    half = z / (1 + square / trials) * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    return Interval(rate, max(0.0, middle - half), min(1.0, middle + half), confidence)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several comparisons, adjusted so that a false one among all is as rare as for one (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def normal_quantile(confidence: float) -> float:
    """How many standard deviations hold the middle share of a normal distribution."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)
