"""Whether the last days differ from those before: in what was measured, and in what was asked (ADR-0033)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.traffic.specs import MEASURES, Histogram, ObjectiveStatus, Shift, TrafficSlice
from ryorin.kernel.intervals import holm

# differing by chance alone, once in a thousand looks
P = 0.001
# from here on a population is said to have shifted (Siddiqi, Credit Risk Scorecards, 2006)
PSI = 0.2
# of questions as far apart as chance has them .5 are told apart rightly
AUC = 0.65
GROUPS = 11
MIN_ANSWERS = 100
MIN_VECTORS = 40

Vectors = NDArray[np.float32]


def drift_status(before: TrafficSlice, after: TrafficSlice) -> ObjectiveStatus:
    """What differs, and a ticket when something does."""
    shifts = shifts_of(before, after)
    drifted = [shift for shift in shifts if shift.drifted]
    counted = max((shift.after for shift in shifts), default=0)
    told = "too few answers to tell" if not shifts else "nothing differs by more than chance and enough to matter"
    if drifted:
        told = "; ".join(f"{one.measure} differs (effect {one.effect:.2f}, p {one.p:.1g})" for one in drifted)
    return ObjectiveStatus(
        level="ticket" if drifted else "ok",
        counted=counted,
        good=counted,
        share=None,
        low=None,
        high=None,
        budget_left=None,
        shifts=shifts,
        told=told,
    )


def shifts_of(before: TrafficSlice, after: TrafficSlice) -> tuple[Shift, ...]:
    """Every measure of which there is enough on both sides."""
    found: list[tuple[str, int, int, float, float, float]] = []
    for measure in MEASURES:
        old, new = before.histograms.get(measure, {}), after.histograms.get(measure, {})
        if min(sum(old.values()), sum(new.values())) >= MIN_ANSWERS:
            p, effect = _histograms(old, new)
            found.append((measure, sum(old.values()), sum(new.values()), p, effect, PSI))
    if min(len(before.vectors), len(after.vectors)) >= MIN_VECTORS:
        p, effect = told_apart(_array(before.vectors), _array(after.vectors))
        found.append(("vectors", len(before.vectors), len(after.vectors), p, effect, AUC))
    adjusted = holm([one[3] for one in found])
    return tuple(
        Shift(measure, old, new, p, effect, p < P and effect >= least)
        for (measure, old, new, _, effect, least), p in zip(found, adjusted, strict=True)
    )


def _histograms(before: Histogram, after: Histogram) -> tuple[float, float]:
    """The p of a G-test, and the population stability index, over groups of neighbours with nearly as many each."""
    groups = _grouped(before, after)
    if len(groups) < 2:  # noqa: PLR2004 - all are in one bucket, on both sides
        return 1.0, 0.0
    old, new = (sum(one[side] for one in groups) for side in (0, 1))
    statistic = index = 0.0
    for first, second in groups:
        both = first + second
        for count, total in ((first, old), (second, new)):
            if count:
                statistic += 2 * count * math.log(count * (old + new) / (both * total))
        # half an answer more on each side: of none there is no logarithm
        one, other = (first + 0.5) / (old + 0.5 * len(groups)), (second + 0.5) / (new + 0.5 * len(groups))
        index += (one - other) * math.log(one / other)
    return chi_square_tail(statistic, len(groups) - 1), index


def _grouped(before: Histogram, after: Histogram) -> list[tuple[int, int]]:
    each = (sum(before.values()) + sum(after.values())) / GROUPS
    groups, first, second = list[tuple[int, int]](), 0, 0
    for bucket in sorted({*before, *after}):
        first, second = first + before.get(bucket, 0), second + after.get(bucket, 0)
        if first + second >= each:
            groups.append((first, second))
            first = second = 0
    if first + second:
        groups.append((first, second))
    return groups


def chi_square_tail(value: float, degrees: int) -> float:
    """How likely a chi-square of so many degrees of freedom is greater (Abramowitz & Stegun, 26.4.4 and 26.4.5)."""
    half = value / 2
    if half <= 0:
        return 1.0
    if degrees % 2:
        term, total = math.sqrt(2 * value / math.pi) * math.exp(-half), math.erfc(math.sqrt(half))
        for step in range(1, degrees, 2):
            total += term
            term *= value / (step + 2)
        return min(1.0, total)
    term = total = math.exp(-half)
    for step in range(1, degrees // 2):
        term *= half / step
        total += term
    return min(1.0, total)


def told_apart(before: Vectors, after: Vectors) -> tuple[float, float]:
    """Whether questions can be told apart by the direction in which the means of one half differ, tried on the other
    half: p, and the share that is ordered rightly (AUC)."""
    direction = after[::2].mean(axis=0) - before[::2].mean(axis=0)
    old, new = before[1::2] @ direction, after[1::2] @ direction
    ranks = np.concatenate([old, new]).argsort().argsort() + 1
    wins = float(ranks[len(old) :].sum()) - len(new) * (len(new) + 1) / 2
    pairs = len(old) * len(new)
    deviation = math.sqrt(pairs * (len(old) + len(new) + 1) / 12)
    # one-sided: the direction was found on the other half
    return 0.5 * math.erfc((wins - pairs / 2) / deviation / math.sqrt(2)), wins / pairs


def _array(vectors: Sequence[bytes]) -> Vectors:
    return np.frombuffer(b"".join(vectors), dtype=np.float16).reshape(len(vectors), -1).astype(np.float32)
