"""Is one run better than another on the same items? What is not shown is called so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ryorin.contexts.evaluation.domain.sequential import BettingTest, confidence_sequence
from ryorin.contexts.evaluation.domain.statistics import (
    bootstrap_interval,
    mcnemar,
    mean_interval,
    minimum_detectable_effect,
    paired_p,
)
from ryorin.contexts.evaluation.queries import MetricComparison
from ryorin.contexts.evaluation.specs import (
    EvaluationSummary,
    ItemResult,
    Metric,
    MetricSummary,
)
from ryorin.kernel.intervals import CONFIDENCE, Interval, holm, wilson

ALPHA = 0.05
# lower is better
COSTS = frozenset(
    {
        "hallucination",
        "ragas:NoiseSensitivity",
        *(
            f"trulens:{name}{ending}"
            for name in (
                "harmfulness",
                "maliciousness",
                "controversiality",
                "misogyny",
                "criminality",
                "insensitivity",
                "stereotypes",
            )
            for ending in ("", "_with_cot_reasons")
        ),
    }
)
MIN_ITEMS = 10


def in_turn(cluster: str, item: str) -> tuple[bytes, str]:
    """The order in which items are asked and looked at: fixed before anything is known, all of one source together."""
    return hashlib.sha256(cluster.encode()).digest(), item


def summary(metrics: Sequence[Metric], results: Sequence[ItemResult]) -> EvaluationSummary:
    """Means with intervals, counts, latency and cost."""
    answered = [one.answered for one in results if one.answered is not None]
    latencies = [one.milliseconds for one in answered]
    return EvaluationSummary(
        items=len(results),
        errors=sum(one.error is not None for one in results),
        metrics=tuple(_summed(metric, results) for metric in metrics),
        latency_p50_ms=float(np.percentile(latencies, 50)) if latencies else None,
        latency_p95_ms=float(np.percentile(latencies, 95)) if latencies else None,
        usd=sum(one.usd for one in answered),
        prompt_tokens=sum(one.prompt_tokens for one in answered),
        completion_tokens=sum(one.completion_tokens for one in answered),
    )


def compared(
    first: Sequence[ItemResult],
    second: Sequence[ItemResult],
    names: Sequence[str],
    margin: float = 0.0,
    *,
    stopped: bool = False,
) -> list[MetricComparison]:
    """B (`second`) against A by each metric, on items that both have a score of.

    Of a run that was `stopped` when enough was known, intervals and p-values are those that hold whenever one stops.
    """
    pairs = [_pairs(first, second, name) for name in names]
    p_values = [_p_whenever(one) if stopped else _p(one) for one in pairs]
    adjusted = holm(p_values)
    return [
        _comparison(name, one, p, holms, margin, stopped)
        for name, one, p, holms in zip(names, pairs, p_values, adjusted, strict=True)
    ]


def deviation(first: Sequence[ItemResult], second: Sequence[ItemResult], name: str) -> float | None:
    """The standard deviation of differences by item; None with fewer than two."""
    pairs = _pairs(first, second, name)
    return float(np.std(pairs.differences, ddof=1)) if len(pairs.differences) > 1 else None


@dataclass(frozen=True, slots=True)
class _Pairs:
    first: Sequence[float]
    second: Sequence[float]
    clusters: Sequence[str]

    @property
    def differences(self) -> Sequence[float]:
        return [b - a for a, b in zip(self.first, self.second, strict=True)]


def _values(results: Sequence[ItemResult], name: str) -> Mapping[str, tuple[float, str]]:
    found = {}
    for one in results:
        score = one.scores.get(name)
        if score is not None and score.value is not None:
            found[one.item] = (score.value, one.cluster)
    return found


def _pairs(first: Sequence[ItemResult], second: Sequence[ItemResult], name: str) -> _Pairs:
    before, after = _values(first, name), _values(second, name)
    items = sorted(before.keys() & after.keys(), key=lambda item: in_turn(before[item][1], item))
    return _Pairs(
        [before[item][0] for item in items], [after[item][0] for item in items], [before[item][1] for item in items]
    )


def _p(pairs: _Pairs) -> float:
    binary = {*pairs.first, *pairs.second} <= {0.0, 1.0}
    alone = len(set(pairs.clusters)) == len(pairs.clusters)
    if not binary or not alone:
        return paired_p(pairs.differences, pairs.clusters)
    both = list(zip(pairs.first, pairs.second, strict=True))
    return mcnemar(sum(a > b for a, b in both), sum(b > a for a, b in both))


def _p_whenever(pairs: _Pairs) -> float:
    """Of either side being better, valid whenever one stops."""
    up, down = BettingTest(), BettingTest()
    for difference in _by_cluster(pairs):
        up.take(difference)
        down.take(-difference)
    return min(1.0, 2 * min(up.p_value, down.p_value))


def _comparison(name: str, pairs: _Pairs, p: float, adjusted: float, margin: float, stopped: bool) -> MetricComparison:
    differences, items = pairs.differences, len(pairs.clusters)
    mean, resampled = mean_interval(differences, pairs.clusters), bootstrap_interval(differences, pairs.clusters)
    groups = len(set(pairs.clusters))
    (low, high), (resampled_low, resampled_high) = _bounded(mean, groups), _bounded(resampled, groups)
    if stopped:
        low, high = resampled_low, resampled_high = confidence_sequence(_by_cluster(pairs))
    test = BettingTest(margin)
    sign = -1 if name in COSTS else 1
    for difference in _by_cluster(pairs):
        test.take(sign * difference)
    spread = float(np.std(differences, ddof=1)) if items > 1 else 0.0
    return MetricComparison(
        metric=name,
        items=items,
        first=float(np.mean(pairs.first)) if items else 0.0,
        second=float(np.mean(pairs.second)) if items else 0.0,
        difference=mean.estimate if items else 0.0,
        low=low,
        high=high,
        bootstrap_low=resampled_low,
        bootstrap_high=resampled_high,
        p=p,
        adjusted_p=adjusted,
        detectable=min(1.0, minimum_detectable_effect(spread, items)) if spread else 1.0,
        evidence=test.best,
        verdict=_verdict(items, sign * (mean.estimate if items else 0.0), adjusted),
    )


def _mean(values: Sequence[float], clusters: Sequence[str]) -> Interval:
    """Wilson's interval of a rate, which knows that ten of ten is not for sure; else Student's on clusters."""
    if values and {*values} <= {0.0, 1.0} and len(set(clusters)) == len(clusters):
        return wilson(round(sum(values)), len(values))
    return mean_interval(values, clusters)


def _bounded(found: Interval, groups: int) -> tuple[float, float]:
    """Bounds of a mean in [-1, 1]. Where all values were the same, others may be so rare that none was met: one in so
    many that with 97.5 % one of them would have been met."""
    if found.low == found.high:
        rare = 2 * (1 - ((1 - CONFIDENCE) / 2) ** (1 / max(1, groups)))
        found = Interval(found.estimate, found.estimate - rare, found.estimate + rare)
    return max(-1.0, found.low), min(1.0, found.high)


def _by_cluster(pairs: _Pairs) -> list[float]:
    """The mean difference of each cluster: those of one source are no new evidence each."""
    found: dict[str, list[float]] = {}
    for cluster, difference in zip(pairs.clusters, pairs.differences, strict=True):
        found.setdefault(cluster, []).append(difference)
    return [sum(ones) / len(ones) for ones in found.values()]


def _verdict(items: int, gain: float, adjusted: float) -> str:
    if items < MIN_ITEMS:
        return "too few items"
    if adjusted > ALPHA or gain == 0:
        return "no difference shown"
    return "better" if gain > 0 else "worse"


def _summed(metric: Metric, results: Sequence[ItemResult]) -> MetricSummary:
    scores = [(one.scores[metric.name], one.cluster) for one in results if metric.name in one.scores]
    values = [score.value for score, _ in scores if score.value is not None]
    interval = _mean(values, [cluster for score, cluster in scores if score.value is not None])
    threshold = metric.threshold
    bounded = len(values) > 1
    return MetricSummary(
        metric=metric.name,
        mean=interval.estimate if values else None,
        low=max(0.0, interval.low) if bounded else None,
        high=min(1.0, interval.high) if bounded else None,
        scored=len(values),
        abstained=sum(score.outcome == "abstained" for score, _ in scores),
        failed=sum(score.outcome == "failed" for score, _ in scores),
        passed=None if threshold is None else sum(value >= threshold for value in values),
    )
