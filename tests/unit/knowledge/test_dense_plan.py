from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.read.dense_plan import Step, plan
from ryorin.contexts.knowledge.read.ports import IndexState

EXACT = Step("exact")


@pytest.mark.parametrize(
    ("matching", "total", "steps"),
    [
        (0, 100_000, [EXACT]),
        (3_000, 100_000, [EXACT]),  # few pass: all of them are compared
        (80_000, 100_000, [Step("hnsw", 150), Step("hnsw+widened", 600), Step("iterative"), EXACT]),
        (15_000, 100_000, [Step("hnsw", 400), EXACT]),  # if too few come, comparing all is affordable
        (8_000, 100_000, [EXACT]),  # a list long enough would cost as much
        (8_000, 10_000, [Step("hnsw", 150), EXACT]),
        (4_000, 1_000_000, [EXACT]),  # no HNSW list is long enough
        (100_000, 1_000_000, [Step("hnsw", 600), Step("hnsw+widened", 1000), Step("iterative"), EXACT]),
        (300_000, 300_000, [Step("hnsw", 260), Step("hnsw+widened", 1000), Step("iterative"), EXACT]),
        (100_000, 100_000_000, [Step("iterative"), EXACT]),  # too many to compare, too few among all
    ],
)
def test_the_plan_follows_from_how_much_passes(matching: int, total: int, steps: list[Step]) -> None:
    state = IndexState(True, matching, matching, total, 1)

    assert plan(state, limit=50, needed=10) == steps


def test_every_plan_ends_with_what_finds_everything() -> None:
    for matching in (1, 10, 1_000, 10_000, 100_000, 1_000_000):
        for total in (matching, matching * 10, matching * 1_000):
            assert plan(IndexState(True, matching, matching, total, 1), 50, 10)[-1] == EXACT
