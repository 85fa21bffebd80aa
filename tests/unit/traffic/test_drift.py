"""Drift: seldom shown where there is none, found where there is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ryorin.contexts.traffic.domain.drift import chi_square_tail, drift_status, shifts_of, told_apart
from ryorin.contexts.traffic.specs import TrafficSlice, bucket_of

RANDOM = np.random.default_rng(7)


def histogram(centre: float, count: int, random: np.random.Generator = RANDOM) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in random.lognormal(centre, 0.8, count):
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return found


def vectors(shift: float, count: int, random: np.random.Generator = RANDOM) -> tuple[bytes, ...]:
    drawn = random.normal(size=(count, 64)) + shift * np.eye(64)[0]
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return tuple(one.astype(np.float16).tobytes() for one in drawn)


@pytest.mark.parametrize(
    ("value", "degrees", "tail"),
    [(3.841, 1, 0.05), (18.307, 10, 0.05), (29.588, 10, 0.001), (16.919, 9, 0.05), (5.991, 2, 0.05)],
)
def test_the_tail_of_chi_square(value: float, degrees: int, tail: float) -> None:
    assert chi_square_tail(value, degrees) == pytest.approx(tail, rel=2e-3)


def test_p_values_are_uniform_where_nothing_differs() -> None:
    random = np.random.default_rng(11)
    found = [
        shifts_of(TrafficSlice({"ms": histogram(6, 2000, random)}), TrafficSlice({"ms": histogram(6, 500, random)}))[0]
        for _ in range(300)
    ]
    below = sum(one.p < 0.1 for one in found) / len(found)
    assert 0.05 < below < 0.16
    assert not any(one.drifted for one in found)


def test_a_shift_is_found() -> None:
    before, after = TrafficSlice({"ms": histogram(6, 2000)}), TrafficSlice({"ms": histogram(6.8, 500)})
    (shift,) = shifts_of(before, after)
    assert shift.drifted and shift.effect > 0.2
    status = drift_status(before, after)
    assert status.level == "ticket" and "ms differs" in status.told


def test_what_is_certain_and_small_does_not_matter() -> None:
    before, after = TrafficSlice({"ms": histogram(6, 60_000)}), TrafficSlice({"ms": histogram(6.1, 60_000)})
    (shift,) = shifts_of(before, after)
    assert shift.p < 1e-6 and not shift.drifted


def test_questions_are_told_apart_by_what_they_are_about() -> None:
    same = [told_apart(_floats(0), _floats(0)) for _ in range(100)]
    assert sum(p < 0.05 for p, _ in same) <= 12
    assert abs(sum(auc for _, auc in same) / len(same) - 0.5) < 0.03
    p, auc = told_apart(_floats(0), _floats(3))
    assert p < 1e-6 and auc > 0.9
    (shift,) = shifts_of(TrafficSlice(vectors=vectors(0, 300)), TrafficSlice(vectors=vectors(3, 100)))
    assert (shift.measure, shift.drifted) == ("vectors", True)


def test_few_answers_tell_nothing() -> None:
    few = TrafficSlice({"ms": histogram(6, 50)}, vectors(0, 10))
    assert shifts_of(few, few) == ()
    assert drift_status(few, few).told == "too few answers to tell"


def test_what_is_all_one_has_no_shift() -> None:
    before, after = TrafficSlice({"micro_usd": {0: 500}}), TrafficSlice({"micro_usd": {0: 200}})
    (shift,) = shifts_of(before, after)
    assert (shift.p, shift.effect) == (1.0, 0.0) and not math.isnan(shift.p)


def _floats(shift: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    drawn = b"".join(vectors(shift, 100))
    return np.frombuffer(drawn, dtype=np.float16).reshape(100, -1).astype(np.float32)
