"""Error budgets and burn rates: what fires, and what is too little to say."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from ryorin.contexts.traffic.domain.budget import budget_status, windows
from ryorin.contexts.traffic.specs import BOUNDS, Level, ObjectiveSpec, bound_of, bucket_of
from ryorin.kernel.errors import InvalidInput

SPEC = ObjectiveSpec("assistant", "production", "latency", target=0.99, threshold=2500)
MONTH = 30 * 1440


@dataclass(frozen=True, slots=True)
class Count:
    total: int
    bad: int
    abstained: int = 0
    failed: int = 0


def steady(per_minute: int, bad_share: float, bad_minutes: int = MONTH) -> dict[int, Count]:
    """Windows of a month of even traffic, of which the last `bad_minutes` were bad."""
    return {
        minutes: Count(minutes * per_minute, round(min(minutes, bad_minutes) * per_minute * bad_share))
        for minutes in windows(SPEC)
    }


def test_windows_are_those_of_the_workbook() -> None:
    assert windows(SPEC) == [5, 30, 60, 360, 4320, MONTH]


@pytest.mark.parametrize(
    ("share", "minutes", "level"),
    [
        (0.005, MONTH, "ok"),
        (0.02, MONTH, "ticket"),
        (0.10, 360, "page"),
        (0.20, 60, "page"),
        # fifteen minutes of it are not enough of an hour
        (0.20, 15, "ok"),
    ],
)
def test_what_fires(share: float, minutes: int, level: Level) -> None:
    assert budget_status(SPEC, steady(100, share, minutes)).level == level


def test_what_is_over_fires_no_more() -> None:
    counted = steady(100, 0.2, 60)
    counted[5] = Count(500, 0)
    counted[30] = Count(3000, 0)
    assert budget_status(SPEC, counted).level == "ok"


def test_a_few_answers_are_no_outage() -> None:
    """Two bad ones of six burn 33 times as fast as they may, and show nothing."""
    counted = {minutes: Count(6, 2) for minutes in windows(SPEC)}
    status = budget_status(SPEC, counted)
    assert status.burns[0].long > 33 and not status.burns[0].fires
    counted = {minutes: Count(60, 20) for minutes in windows(SPEC)}
    assert budget_status(SPEC, counted).level == "page"


def test_what_is_left_of_the_budget() -> None:
    status = budget_status(SPEC, steady(10, 0.0025))
    assert status.budget_left == pytest.approx(0.75)
    assert status.share == pytest.approx(0.9975) and status.low is not None and status.low < 0.9975
    nothing = budget_status(SPEC, {minutes: Count(0, 0) for minutes in windows(SPEC)})
    assert (nothing.share, nothing.budget_left, nothing.level) == (None, None, "ok")


def test_a_low_target_can_be_missed_loudly() -> None:
    """Of a target of one half nothing burns 14 times as fast as it may: all bad is twice."""
    spec = ObjectiveSpec("assistant", "production", "latency", target=0.5, threshold=2500)
    assert budget_status(spec, {minutes: Count(1000, 1000) for minutes in windows(spec)}).level == "page"


def test_histograms_count_thresholds_exactly() -> None:
    values = [random.Random(3).lognormvariate(6, 2) for _ in range(5000)]
    for threshold in (1.0, 250.0, 2500.0, 1e6):
        limit = bound_of(threshold)
        assert sum(bucket_of(value) <= limit for value in values) == sum(value <= threshold for value in values)
    assert bucket_of(0.0) == 0 and bucket_of(2e6) == len(BOUNDS)
    with pytest.raises(InvalidInput, match="near are 2200 and 2500"):
        bound_of(2400)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"target": None}, "target"),
        ({"target": 1.0}, "target"),
        ({"threshold": None}, "threshold"),
        ({"threshold": 2501}, "no bound"),
        ({"window_days": 31}, "window_days"),
        ({"sample": 0.0}, "sample"),
        ({"metric": "style"}, "metric"),
        ({"indicator": "quality", "metric": "exact", "threshold": 0.5}, "expected answer"),
        ({"indicator": "quality", "metric": "style", "threshold": 0.5}, "option"),
        ({"indicator": "errors"}, "not used"),
        ({"indicator": "drift", "threshold": None}, "no target"),
    ],
)
def test_what_can_never_be_measured_is_refused(wrong: dict[str, object], told: str) -> None:
    given = {"indicator": "latency", "target": 0.99, "threshold": 2500, **wrong}
    with pytest.raises(InvalidInput, match=told):
        ObjectiveSpec("assistant", "production", **given).validate()  # type: ignore[arg-type]
