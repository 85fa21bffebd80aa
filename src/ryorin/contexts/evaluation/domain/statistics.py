"""What can be said of a rate or a mean that was measured on few items, and of two that were measured on the same ones.

Nothing here is told without its interval, and what was not shown is not said to be equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ryorin.kernel.intervals import CONFIDENCE, Interval, normal_quantile

RESAMPLES = 4_000
# resampled means held at a time
BLOCK = 2_000_000

Values = NDArray[np.float64]


def mean_interval(
    values: Sequence[float], clusters: Sequence[str] | None = None, confidence: float = CONFIDENCE
) -> Interval:
    """The interval of a mean by Student's t, with errors clustered where items share a source (Liang & Zeger, 1986).

    With one value or one cluster nothing bounds it.
    """
    found = np.asarray(values, dtype=np.float64)
    sums, sizes = _by_cluster(found, clusters)
    groups, estimate = len(sums), float(found.mean()) if len(found) else math.nan
    if groups < 2:  # noqa: PLR2004 - of one group no spread is known
        return Interval(estimate, -math.inf, math.inf, confidence)
    residuals = sums - sizes * estimate
    error = math.sqrt(groups / (groups - 1) * float(residuals @ residuals)) / len(found)
    half = student_t(groups - 1, confidence) * error
    return Interval(estimate, estimate - half, estimate + half, confidence)


def bootstrap_interval(
    values: Sequence[float],
    clusters: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The interval of a mean by resampling clusters, its tails widened for few of them (Hesterberg, 2015, section 4).

    For paired differences this is the paired bootstrap.
    """
    found = np.asarray(values, dtype=np.float64)
    sums, sizes = _by_cluster(found, clusters)
    groups, estimate = len(sums), float(found.mean()) if len(found) else math.nan
    if groups < 2:  # noqa: PLR2004 - as above
        return Interval(estimate, -math.inf, math.inf, confidence)
    means = _resampled(sums, sizes, resamples, np.random.default_rng(seed))
    widened = NormalDist().cdf(-math.sqrt(groups / (groups - 1)) * student_t(groups - 1, confidence))
    low, high = np.quantile(means, [widened, 1 - widened])
    return Interval(estimate, float(low), float(high), confidence)


def mcnemar(only_first: int, only_second: int) -> float:
    """How likely so uneven a split of the items on which two differ is by chance: exact, two-sided (McNemar, 1947)."""
    total, fewer = only_first + only_second, min(only_first, only_second)
    if total == 0:
        return 1.0
    tail = sum(math.exp(_log_choose(total, k) - total * math.log(2)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def paired_p(differences: Sequence[float], clusters: Sequence[str] | None = None) -> float:
    """How likely so large a mean difference is by chance: two-sided, by Student's t on clusters."""
    found = np.asarray(differences, dtype=np.float64)
    sums, sizes = _by_cluster(found, clusters)
    groups = len(sums)
    if groups < 2 or not np.any(found):  # noqa: PLR2004 - as above
        return 1.0
    estimate = float(found.mean())
    residuals = sums - sizes * estimate
    error = math.sqrt(groups / (groups - 1) * float(residuals @ residuals)) / len(found)
    return 0.0 if error == 0 else t_tail(abs(estimate) / error, groups - 1)


def minimum_detectable_effect(
    deviation: float, items: int, power: float = 0.8, confidence: float = CONFIDENCE
) -> float:
    """The true mean difference that so many items show with this probability; `deviation` is that of a difference."""
    if items == 0:
        return math.inf
    return (normal_quantile(confidence) + NormalDist().inv_cdf(power)) * deviation / math.sqrt(items)


def items_needed(deviation: float, effect: float, power: float = 0.8, confidence: float = CONFIDENCE) -> int:
    """How many items show a true mean difference of `effect` with this probability."""
    return math.ceil(((normal_quantile(confidence) + NormalDist().inv_cdf(power)) * deviation / effect) ** 2)


def corrected_rate(
    rate_of: tuple[int, int], sensitivity_of: tuple[int, int], specificity_of: tuple[int, int]
) -> Interval:
    """The true rate behind what a fallible judge found, each pair (found, of how many) (Rogan & Gladen, 1978).

    The interval takes the judge's own uncertainty in (Lang & Reiczigel, 2014). A judge no better than chance says
    nothing: 0 to 1.
    """
    z = normal_quantile(CONFIDENCE)
    (found, items), (true, positives), (false, negatives) = rate_of, sensitivity_of, specificity_of
    n, hits, rejections = items + z * z, positives + 2, negatives + 2
    rate = (found + z * z / 2) / n
    sensitivity, specificity = (true + 1) / hits, (false + 1) / rejections
    youden = sensitivity + specificity - 1
    if items == 0 or youden <= 0:
        return Interval(math.nan, 0.0, 1.0)
    corrected = (rate + specificity - 1) / youden
    misses, alarms = sensitivity * (1 - sensitivity) / hits, specificity * (1 - specificity) / rejections
    shift = 2 * z * z * (corrected * misses - (1 - corrected) * alarms)
    spread = math.sqrt(rate * (1 - rate) / n + corrected**2 * misses + (1 - corrected) ** 2 * alarms) / youden
    plain = (found / items + specificity - 1) / youden
    return Interval(
        min(1.0, max(0.0, plain)),
        max(0.0, corrected + shift - z * spread),
        min(1.0, corrected + shift + z * spread),
    )


def student_t(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The two-sided quantile of Student's t, by bisection of its tail."""
    low, high = 0.0, 1e3
    while high - low > 1e-9 * max(1.0, low):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, degrees) > 1 - confidence else (low, middle)
    return high


def t_tail(value: float, degrees: int) -> float:
    """The two-sided tail of Student's t: the regularised incomplete beta function (Press et al., Numerical Recipes)."""
    return _beta(degrees / 2, 0.5, degrees / (degrees + value * value))


def _by_cluster(values: Values, clusters: Sequence[str] | None) -> tuple[Values, Values]:
    """The sum and the size of each cluster; without clusters each value is one."""
    if clusters is None:
        return values, np.ones(len(values))
    _, numbers = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    return np.bincount(numbers, values).astype(np.float64), np.bincount(numbers).astype(np.float64)


def _resampled(sums: Values, sizes: Values, resamples: int, random: np.random.Generator) -> Values:
    groups = len(sums)
    block = max(1, BLOCK // groups)
    made = []
    for first in range(0, resamples, block):
        chosen = random.integers(0, groups, (min(block, resamples - first), groups))
        made.append(sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    return cast(Values, np.concatenate(made))


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


def _beta(a: float, b: float, x: float) -> float:
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # the fraction converges fast on one side of the mean
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny, c = 1e-300, 1.0
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1), tiny)
    result = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for part in (even, odd):
            d = 1 / _not_zero(1 + part * d, tiny)
            c = _not_zero(1 + part / c, tiny)
            step = c * d
            result *= step
        if abs(step - 1) < 1e-14:  # noqa: PLR2004 - no further digit changes
            break
    return result


def _not_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
