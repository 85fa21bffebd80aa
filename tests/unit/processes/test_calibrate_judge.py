"""A metric held against people: in the direction in which it is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ryorin.contexts.annotation.queries import CalibrateJudge
from ryorin.contexts.evaluation.queries import ListResults, ResultsPage
from ryorin.contexts.evaluation.specs import ItemResult, Score
from ryorin.processes.calibrate_judge import JudgeCalibrations
from tests.steps import ADMIN

# ten answers, of which people passed the first six
VERDICTS = {str(number): [number < 6] for number in range(10)}


class Annotations:
    """What people said."""

    async def verdicts(self, org_id: str, queue: str, evaluation: str) -> Mapping[str, Sequence[bool]]:
        return VERDICTS


class Bus:
    """Results in pages of four, with scores from 0 to .9; everything else is there."""

    async def ask(self, query: Any, actor: object) -> object:
        if not isinstance(query, ListResults):
            return None
        end = query.offset + 4
        scores = {name: (lambda number: Score("scored", number / 10)) for name in ("judge", "hallucination")}
        found = tuple(
            ItemResult(str(number), "", None, {name: score(number) for name, score in scores.items()})
            for number in range(query.offset, min(10, end))
        )
        return ResultsPage(found, end if end < 10 else None)


@pytest.mark.parametrize(
    ("metric", "agrees"),
    [
        # low doubts are what people passed: the doubt passes up to .5, and people passed 0 to 5
        ("hallucination", True),
        # a judge that gives them low scores is wrong about all of them
        ("judge", False),
    ],
)
async def test_less_is_better_of_some(metric: str, agrees: bool) -> None:
    calibrations = JudgeCalibrations(Annotations(), lambda: Bus())  # type: ignore[arg-type]  # all that is asked of them
    found = await calibrations(CalibrateJudge(queue="q", evaluation="e", metric=metric, threshold=0.5), ADMIN)

    assert found.labelled == 10 and found.kappa is not None
    if agrees:
        assert (found.confusion.hits, found.confusion.rejections, found.kappa) == (6, 4, 1.0)
    else:
        assert (found.confusion.hits, found.confusion.rejections) == (1, 0) and found.kappa < 0
