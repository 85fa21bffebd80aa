"""Whether enough is known to ask no more items."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ryorin.contexts.evaluation.domain.comparison import COSTS, in_turn
from ryorin.contexts.evaluation.domain.sequential import BettingTest
from ryorin.contexts.evaluation.specs import DatasetItem, ItemResult, StopRule


class Stopping:
    """Looks at differences to another evaluation, source by source in the order in which items are asked."""

    def __init__(self, rule: StopRule, items: Sequence[DatasetItem], baseline: Sequence[ItemResult]) -> None:
        self._rule = rule
        self._before = {one.item: _value(one, rule.metric) for one in baseline}
        self._found: dict[str, float | None] = {}
        clusters: dict[str, list[str]] = {}
        for item in sorted(items, key=lambda one: in_turn(one.cluster, one.id)):
            clusters.setdefault(item.cluster, []).append(item.id)
        self._left = deque(clusters.values())
        self._sign = -1.0 if rule.metric in COSTS else 1.0
        self._better = BettingTest(rule.margin)
        # that the gain is at most the margin, which is asked from the other side
        self._worse = BettingTest(-rule.margin)

    def take(self, result: ItemResult) -> str:
        """One more result; why no more is to be asked, or nothing."""
        self._found[result.item] = _value(result, self._rule.metric)
        while self._left and all(item in self._found for item in self._left[0]):
            self._look(self._left.popleft())
        gone = len(self._found)
        for test, said in ((self._better, "better"), (self._worse, "not better")):
            if test.best >= self._rule.evidence:
                by = f" by more than {self._rule.margin:g}" if self._rule.margin else ""
                return (
                    f"after {gone} items it was shown to be {said} than {self._rule.against}{by} in {self._rule.metric}"
                    f" (evidence {test.best:.3g})"
                )
        return ""

    def _look(self, cluster: Sequence[str]) -> None:
        differences = [
            self._sign * (found - before)
            for item in cluster
            if (found := self._found[item]) is not None and (before := self._before.get(item)) is not None
        ]
        if differences:
            mean = sum(differences) / len(differences)
            self._better.take(mean)
            self._worse.take(-mean)


def _value(result: ItemResult, metric: str) -> float | None:
    found = result.scores.get(metric)
    return found.value if found is not None else None
