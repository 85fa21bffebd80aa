from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.domain.fusion import Ranked, reciprocal_rank_fusion


def test_what_both_lists_know_comes_first() -> None:
    fused = reciprocal_rank_fusion([Ranked([1, 2, 3]), Ranked([9, 2, 8])], k=10)

    assert fused[0] == (2, pytest.approx(2 / 12))


def test_weights_count_and_ties_go_by_id() -> None:
    fused = reciprocal_rank_fusion([Ranked([5], weight=2.0), Ranked([4]), Ranked([3])], k=10)

    assert [identifier for identifier, _ in fused] == [5, 3, 4]
