"""Intervals hold what they say, by simulation with fixed seeds; the rest against known values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ryorin.contexts.evaluation.domain.sequential import BettingTest, confidence_sequence
from ryorin.contexts.evaluation.domain.statistics import (
    bootstrap_interval,
    corrected_rate,
    items_needed,
    mcnemar,
    mean_interval,
    minimum_detectable_effect,
    paired_p,
    student_t,
    t_tail,
)
from ryorin.kernel.intervals import Interval, holm, wilson

EXPERIMENTS = 2000
# of a 95 % interval, with what 2,000 experiments leave to chance
COVERAGE = (0.94, 0.96)


def test_known_values() -> None:
    # tables of Student's t, and examples of the papers
    assert student_t(1) == pytest.approx(12.7062, abs=1e-4)
    assert student_t(10) == pytest.approx(2.2281, abs=1e-4)
    assert student_t(30, 0.99) == pytest.approx(2.7500, abs=1e-4)
    assert t_tail(2.0, 5) == pytest.approx(0.10194, abs=1e-5)
    found = wilson(8, 10)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert mcnemar(5, 15) == pytest.approx(0.04139, abs=1e-5)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(700, 700) == pytest.approx(1.0)
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert minimum_detectable_effect(0.5, 196) == pytest.approx(0.1, abs=1e-3)
    assert items_needed(0.5, 0.1) == 197


def test_what_few_items_say() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    for values, clusters in (([0.5], None), ([0.1, 0.9], ["a", "a"])):
        for interval in (mean_interval(values, clusters), bootstrap_interval(values, clusters)):
            assert (interval.low, interval.high) == (-math.inf, math.inf)
        assert paired_p(values, clusters) == 1.0
    assert paired_p([0.0] * 50) == 1.0
    assert minimum_detectable_effect(0.5, 0) == math.inf
    # a judge that is right as often as a coin says nothing
    assert (corrected_rate((30, 100), (50, 100), (50, 100)).low, wilson(0, 0).high) == (0.0, 1.0)


def test_items_of_one_source_are_no_new_evidence() -> None:
    values, sources = [1.0, 0.0, 1.0, 1.0, 0.0] * 10, [str(n % 5) for n in range(50)]

    assert _width(mean_interval(values, sources)) > 2 * _width(mean_interval(values))


def _width(interval: Interval) -> float:
    return interval.high - interval.low


def test_wilsons_interval_covers() -> None:
    random, held = np.random.default_rng(1), 0
    for _ in range(EXPERIMENTS):
        rate = random.uniform(0.05, 0.95)
        found = wilson(int(random.binomial(200, rate)), 200)
        held += found.low <= rate <= found.high
    assert COVERAGE[0] <= held / EXPERIMENTS <= COVERAGE[1]


def test_intervals_of_paired_differences_cover() -> None:
    random, held = np.random.default_rng(2), {"mean": 0, "bootstrap": 0}
    for _ in range(EXPERIMENTS):
        differences = random.beta(2, 3, 150) - random.beta(2, 3.5, 150)
        true = 2 / 5 - 2 / 5.5
        for name, found in (
            ("mean", mean_interval(differences.tolist())),
            ("bootstrap", bootstrap_interval(differences.tolist(), resamples=1000)),
        ):
            held[name] += found.low <= true <= found.high
    assert all(COVERAGE[0] <= count / EXPERIMENTS <= COVERAGE[1] for count in held.values()), held


def test_clustered_intervals_cover() -> None:
    random, held = np.random.default_rng(3), {"mean": 0, "bootstrap": 0}
    clusters = [str(number // 5) for number in range(250)]
    for _ in range(EXPERIMENTS):
        values = np.repeat(random.normal(0.05, 0.2, 50), 5) + random.normal(0, 0.3, 250)
        for name, found in (
            ("mean", mean_interval(values.tolist(), clusters)),
            ("bootstrap", bootstrap_interval(values.tolist(), clusters, resamples=1000)),
        ):
            held[name] += found.low <= 0.05 <= found.high
    assert all(COVERAGE[0] <= count / EXPERIMENTS <= COVERAGE[1] for count in held.values()), held


def test_a_fallible_judges_rate_is_corrected() -> None:
    random, held, raw = np.random.default_rng(4), 0, 0
    # the true rate, the judge's sensitivity and specificity, and of how many labels these are known
    cases = [(0.3, 0.85, 0.9, 80), (0.1, 0.9, 0.95, 100), (0.5, 0.8, 0.8, 60), (0.7, 0.85, 0.85, 150)]
    for rate, sensitivity, specificity, labels in cases * (EXPERIMENTS // len(cases)):
        found = int(random.binomial(300, rate * sensitivity + (1 - rate) * (1 - specificity)))
        hits, rejections = int(random.binomial(labels, sensitivity)), int(random.binomial(labels, specificity))
        interval = corrected_rate((found, 300), (hits, labels), (rejections, labels))
        held += interval.low <= rate <= interval.high
        plain = wilson(found, 300)
        raw += plain.low <= rate <= plain.high
    assert COVERAGE[0] <= held / EXPERIMENTS <= COVERAGE[1]
    # what the judge says itself is another rate
    assert raw / EXPERIMENTS < 0.8


def test_nothing_is_promoted_by_looking_often() -> None:
    random, promoted, noticed = np.random.default_rng(5), 0, 0
    for _ in range(EXPERIMENTS):
        same = BettingTest()
        for difference in random.binomial(1, 0.7, 300) - random.binomial(1, 0.7, 300):
            same.take(float(difference))
        # looked at after every item: `best` is the most evidence there ever was
        promoted += same.shown()
        better = BettingTest()
        for difference in random.binomial(1, 0.85, 300) - random.binomial(1, 0.7, 300):
            better.take(float(difference))
        noticed += better.shown()
    assert promoted / EXPERIMENTS <= 0.05
    assert noticed / EXPERIMENTS >= 0.9


def test_a_t_test_that_is_looked_at_often_does_promote() -> None:
    """What the sequential test is for: the same peeking with a test that is made for one look."""
    random, promoted = np.random.default_rng(6), 0
    for _ in range(200):
        differences = (random.binomial(1, 0.7, 300) - random.binomial(1, 0.7, 300)).tolist()
        promoted += any(paired_p(differences[:count]) < 0.05 for count in range(20, 301, 20))
    assert promoted / 200 > 0.1


def test_a_confidence_sequence_holds_at_every_moment() -> None:
    random, left = np.random.default_rng(7), 0
    for _ in range(100):
        differences = (random.binomial(1, 0.8, 150) - random.binomial(1, 0.7, 150)).astype(float).tolist()
        bounds = [confidence_sequence(differences[:count]) for count in (10, 50, 150)]
        left += any(not low <= 0.1 <= high for low, high in bounds)
        assert bounds[0][1] - bounds[0][0] > bounds[2][1] - bounds[2][0]
    assert left <= 5
