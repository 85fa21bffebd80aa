from __future__ import annotations

import random

import pytest

from ryorin.contexts.answers.domain.verified import (
    Evidence,
    Likeness,
    Observation,
    explore_probability,
    threshold_for,
    upper_bound,
)


def alike(cosine: float) -> Likeness:
    return Likeness(cosine, cosine, cosine, 1.0, negation=False, names=False)


@pytest.mark.parametrize(
    ("wrong", "count", "bound"), [(0, 299, 0.00997), (0, 100, 0.02951), (5, 100, 0.10225), (0, 0, 1.0), (7, 7, 1.0)]
)
def test_the_upper_bound_is_clopper_and_pearsons(wrong: int, count: int, bound: float) -> None:
    assert upper_bound(wrong, count) == pytest.approx(bound, abs=2e-5)


def test_with_little_evidence_there_is_no_threshold() -> None:
    assert threshold_for([(0.99, True)] * 400, 0.01) is None
    assert threshold_for([(0.99, True)] * 500, 0.01) == 0.99


def test_the_threshold_stops_where_the_error_would_pass_the_bound() -> None:
    predictions = [(1 - number / 1000, number < 400) for number in range(1000)]

    threshold = threshold_for(predictions, 0.02)

    assert threshold is not None
    # some of the wrong ones below .6 are within the bound, with its confidence
    assert 0.588 <= threshold <= 0.61
    assert threshold_for(predictions, 0.1) < threshold  # type: ignore[operator]  # there is one


def test_an_entry_with_few_observations_goes_with_its_collection_unless_it_was_wrong_nearby() -> None:
    assert explore_probability([], 0.9, 0.01) == 0
    assert explore_probability([(0.7, False), (0.95, True)], 0.9, 0.01) == 0
    assert explore_probability([(0.91, False)], 0.9, 0.01) == 1
    assert explore_probability([(0.89, False)], 0.9, 0.01) == 1


def test_an_entrys_own_curve_explores_less_the_liker_and_the_surer() -> None:
    few = [(0.6 + 0.02 * number, number >= 5) for number in range(12)]
    many = few * 40

    by_similarity = [explore_probability(many, similarity, 0.05) for similarity in (0.6, 0.7, 0.8, 0.95)]

    assert by_similarity == sorted(by_similarity, reverse=True)
    assert by_similarity[0] == pytest.approx(1.0, abs=0.06)
    assert by_similarity[-1] < 0.05
    assert explore_probability(few, 0.76, 0.05) > explore_probability(many, 0.76, 0.05)
    assert explore_probability(many, 0.74, 0.01) > explore_probability(many, 0.74, 0.1)


@pytest.mark.parametrize("bound", [0.01, 0.05])
def test_the_error_stays_below_the_bound_on_a_stream(bound: float) -> None:
    dice, evidence = random.Random(5), Evidence(bound)
    asked = hits = wrong = 0
    for _ in range(6000):
        cosine = dice.random()
        # the liker, the likelier right; never quite sure
        right = dice.random() < min(0.99, max(0.0, 2 * cosine - 0.6))
        uniform = dice.random() < evidence.explored_share
        asked += 1
        if not uniform and evidence.allows(evidence.predict(alike(cosine))):
            hits += 1
            wrong += not right
        else:
            evidence.learn(Observation(alike(cosine), right, uniform))

    assert hits > 200
    assert upper_bound(wrong, asked) <= bound


def test_without_both_outcomes_there_is_no_model() -> None:
    evidence = Evidence(0.05)
    for _ in range(200):
        evidence.learn(Observation(alike(0.9), right=True))

    assert (evidence.threshold, evidence.explored_share, evidence.predict(alike(0.9))) == (None, 1.0, 0.0)
