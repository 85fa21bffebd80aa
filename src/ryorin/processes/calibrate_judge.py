"""Holds a metric against people: what its verdicts are worth, and the rate that they stand for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from ryorin.contexts.annotation.module import majority
from ryorin.contexts.annotation.ports import Annotations
from ryorin.contexts.annotation.queries import CalibrateJudge, GetAnnotationQueue
from ryorin.contexts.annotation.specs import Confusion, JudgeCalibration
from ryorin.contexts.evaluation.module import COSTS, corrected_rate
from ryorin.contexts.evaluation.queries import MAX_PAGE, GetEvaluation, ListResults, ResultsPage
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.intervals import Interval, wilson
from ryorin.kernel.messages import Actor

# of fewer people's verdicts on one side nothing is told of a judge
MIN_EACH = 5

Bounds = tuple[float, float, float]


class JudgeCalibrations:
    """Handler of `CalibrateJudge`."""

    def __init__(self, annotations: Annotations, bus: Callable[[], QueryBus]) -> None:
        self._annotations = annotations
        self._bus = bus

    async def __call__(self, query: CalibrateJudge, actor: Actor) -> JudgeCalibration:
        """Handle the query."""
        await self._bus().ask(GetAnnotationQueue(queue=query.queue), actor)
        await self._bus().ask(GetEvaluation(evaluation=query.evaluation), actor)
        judged = await self._judged(query, actor)
        if not judged:
            raise InvalidInput(f"evaluation {query.evaluation!r} has no scores by {query.metric[:40]!r}")
        verdicts = await self._annotations.verdicts(actor.org_id, query.queue, query.evaluation)
        return calibrated(judged, verdicts)

    async def _judged(self, query: CalibrateJudge, actor: Actor) -> dict[str, bool]:
        found: dict[str, bool] = {}
        offset: int | None = 0
        while offset is not None:
            ask = ListResults(evaluation=query.evaluation, offset=offset, limit=MAX_PAGE)
            page: ResultsPage = await self._bus().ask(ask, actor)
            for result in page.results:
                score = result.scores.get(query.metric)
                if score is not None and score.value is not None:
                    low = query.metric in COSTS
                    found[result.item] = score.value <= query.threshold if low else score.value >= query.threshold
            offset = page.next_offset
        return found


def calibrated(judged: Mapping[str, bool], verdicts: Mapping[str, Sequence[bool]]) -> JudgeCalibration:
    """A judge's verdicts by item against people's; those on which people are of two minds are left out."""
    people = {item: majority(found) for item, found in verdicts.items() if item in judged}
    pairs = [(passed, judged[item]) for item, passed in people.items() if passed is not None]
    confusion = Confusion(*(pairs.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False))))
    hits, passes = confusion.hits, confusion.hits + confusion.alarms
    rejections, failures = confusion.rejections, confusion.rejections + confusion.misses
    found, items = sum(judged.values()), len(judged)
    enough = min(passes, failures) >= MIN_EACH
    corrected = corrected_rate((found, items), (hits, passes), (rejections, failures)) if enough else None
    sure = corrected is not None and not math.isnan(corrected.estimate)
    return JudgeCalibration(
        labelled=len(pairs),
        split=len(people) - len(pairs),
        confusion=confusion,
        kappa=_kappa(confusion),
        sensitivity=_bounds(wilson(hits, passes)) if passes else None,
        specificity=_bounds(wilson(rejections, failures)) if failures else None,
        judged=found / items if items else None,
        corrected=_bounds(corrected) if corrected is not None and sure else None,
        told=_told(found / max(1, items), corrected if sure else None, passes, failures),
    )


def _bounds(found: Interval) -> Bounds:
    return found.estimate, found.low, found.high


def _kappa(confusion: Confusion) -> float | None:
    """Agreement beyond chance (Cohen, 1960)."""
    one = confusion
    total = one.hits + one.misses + one.alarms + one.rejections
    if not total:
        return None
    agreed = (one.hits + one.rejections) / total
    people, judge = (one.hits + one.alarms) / total, (one.hits + one.misses) / total
    chance = people * judge + (1 - people) * (1 - judge)
    return (agreed - chance) / (1 - chance) if chance < 1 else None


def _told(judged: float, corrected: Interval | None, passes: int, failures: int) -> str:
    if min(passes, failures) < MIN_EACH:
        return (
            f"people passed {passes} and failed {failures} of its answers; at least {MIN_EACH} of each are needed to"
            " tell what its verdicts are worth"
        )
    if corrected is None:
        return "the judge is no better than chance by these labels: its rate says nothing of the answers"
    return (
        f"the judge passed {judged:.1%}; with its errors taken out {corrected.estimate:.1%} of the answers are good"
        f" ({corrected.low:.1%} to {corrected.high:.1%})"
    )
