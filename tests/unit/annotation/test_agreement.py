"""Agreement of people, and judges held against them."""

from __future__ import annotations

import random

import pytest

from ryorin.contexts.annotation.domain.queue import alpha, majority
from ryorin.processes.calibrate_judge import calibrated


def test_alpha_against_the_book() -> None:
    """Krippendorff's example of two observers and ten units of binary data: .095."""
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    found = alpha([bool(one), bool(other)] for one, other in zip(first, second, strict=True))
    assert found == pytest.approx(0.095, abs=0.001)


def test_alpha_where_there_is_little_to_say() -> None:
    assert alpha([[True], [False]]) is None
    assert alpha([[True, True], [True, True]]) == 1.0
    assert alpha([[True, True], [False, False]]) == 1.0
    assert alpha([[True, False], [False, True]]) == pytest.approx(-0.5)


def test_most_decide() -> None:
    assert [majority(one) for one in ([True], [True, False], [False, True, False])] == [True, None, False]


def test_a_lenient_judge_is_corrected() -> None:
    """60 % are good; the judge passes 95 % of them and 40 % of the bad ones: 73 %, of which people see 300."""
    dice = random.Random(5)
    good = {str(number): dice.random() < 0.6 for number in range(3000)}
    judged = {item: dice.random() < (0.95 if is_good else 0.4) for item, is_good in good.items()}
    people = {item: [good[item]] for item in list(good)[:300]}
    found = calibrated(judged, people)
    assert found.judged is not None and found.judged > 0.7
    assert found.corrected is not None
    estimate, low, high = found.corrected
    assert low < 0.6 < high and abs(estimate - 0.6) < 0.06
    assert found.sensitivity is not None and found.sensitivity[1] < 0.95 < found.sensitivity[2]
    assert found.kappa is not None and 0.4 < found.kappa < 0.75
    assert "with its errors taken out" in found.told


def test_a_judge_that_guesses_says_nothing() -> None:
    judged = {str(number): number % 2 == 0 for number in range(200)}
    people = {str(number): [number % 4 < 2] for number in range(200)}
    found = calibrated(judged, people)
    assert found.corrected is None and "no better than chance" in found.told
    assert found.kappa == pytest.approx(0.0)


def test_too_few_labels_say_how_many_are_needed() -> None:
    found = calibrated({"1": True, "2": False, "3": True}, {"1": [True], "2": [True, False], "9": [True]})
    assert (found.labelled, found.split, found.corrected) == (1, 1, None)
    assert "at least 5 of each" in found.told
