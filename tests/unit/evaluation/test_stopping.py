"""A run that stops when enough is known: seldom wrong, and sooner than the last item."""

from __future__ import annotations

import numpy as np
import pytest

from ryorin.contexts.evaluation.domain.comparison import compared, in_turn
from ryorin.contexts.evaluation.domain.stopping import Stopping
from ryorin.contexts.evaluation.specs import DatasetItem, ItemResult, Metric, Score, StopRule, check_stop
from ryorin.kernel.errors import InvalidInput

ITEMS = [DatasetItem(f"{number:03}") for number in range(400)]
ORDER = sorted(ITEMS, key=lambda item: in_turn(item.cluster, item.id))


def results(rate: float, random: np.random.Generator, metric: str = "exact") -> dict[str, ItemResult]:
    return {
        item.id: ItemResult(item.id, item.cluster, None, {metric: Score("scored", float(random.random() < rate))})
        for item in ITEMS
    }


def ended(
    before: dict[str, ItemResult], after: dict[str, ItemResult], margin: float = 0.0, metric: str = "exact"
) -> tuple[str, int]:
    stopping = Stopping(StopRule("old", metric, margin), ITEMS, list(before.values()))
    for number, item in enumerate(ORDER, start=1):
        told = stopping.take(after[item.id])
        if told:
            return told, number
    return "", len(ITEMS)


def test_under_no_difference_it_is_seldom_called_better() -> None:
    random = np.random.default_rng(17)
    found = [ended(results(0.6, random), results(0.6, random))[0] for _ in range(400)]
    assert sum("to be better" in told for told in found) / len(found) <= 0.04


def test_a_gain_is_seen_early_and_so_is_a_loss() -> None:
    random = np.random.default_rng(18)
    gains = [ended(results(0.4, random), results(0.7, random)) for _ in range(50)]
    assert sum("to be better than old in exact" in told for told, _ in gains) >= 48
    assert np.mean([items for _, items in gains]) < 200
    told, items = ended(results(0.7, random), results(0.4, random))
    assert "not better" in told and items < 300
    told, _ = ended(results(0.2, random, "hallucination"), results(0.6, random, "hallucination"), 0.0, "hallucination")
    assert "not better" in told


def test_what_is_stopped_is_compared_by_what_holds_whenever_one_stops() -> None:
    random = np.random.default_rng(19)
    before, after = results(0.4, random), results(0.7, random)
    _, count = ended(before, after)
    seen = [after[item.id] for item in ORDER[:count]]
    (plain,) = compared(list(before.values()), seen, ["exact"])
    (honest,) = compared(list(before.values()), seen, ["exact"], stopped=True)
    assert honest.evidence >= 40 and honest.items == count
    assert honest.p > plain.p and honest.high - honest.low > plain.high - plain.low
    assert honest.verdict == "better"


def test_items_of_one_source_are_looked_at_together() -> None:
    items = [DatasetItem(str(number), source=f"s{number % 2}") for number in range(6)]
    before = [ItemResult(one.id, one.cluster, None, {"exact": Score("scored", 0.0)}) for one in items]
    stopping = Stopping(StopRule("old", "exact", evidence=1.05), items, before)
    good = {one.id: ItemResult(one.id, one.cluster, None, {"exact": Score("scored", 1.0)}) for one in items}
    told = [stopping.take(good[number]) for number in ("0", "2", "1", "3", "4", "5")]
    # a first source decides the bet on the second one, which is whole with the last item only
    assert told[:5] == [""] * 5 and "after 6 items" in told[5]


@pytest.mark.parametrize(
    "rule", [StopRule("old", "none"), StopRule("old", "exact", 1.0), StopRule("old", "exact", evidence=1.0)]
)
def test_rules_that_cannot_be_looked_at_are_refused(rule: StopRule) -> None:
    with pytest.raises(InvalidInput):
        check_stop(rule, (Metric("exact"),))
