from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.domain.fusion import Ranked, convex_combination


def test_what_both_lists_know_comes_first() -> None:
    fused = convex_combination([Ranked([(1, 0.8), (2, 0.6)], 0.5), Ranked([(9, 12.0), (2, 9.0)], 0.5)])

    assert fused == [(2, pytest.approx(0.75)), (1, pytest.approx(0.5)), (9, pytest.approx(0.5))]


def test_a_list_counts_by_its_weight_whatever_its_scale() -> None:
    fused = convex_combination([Ranked([(5, 0.001)], 0.6), Ranked([(4, 1000.0)], 0.4)])

    assert [identifier for identifier, _ in fused] == [5, 4]


def test_scores_below_zero_count_nothing() -> None:
    assert convex_combination([Ranked([(1, 0.5), (2, -0.3)]), Ranked([(3, -1.0)])]) == [(1, 1.0), (2, 0.0), (3, 0.0)]
