from __future__ import annotations

from datetime import timedelta

import pytest

from ryorin.kernel.messages import RetryPolicy


@pytest.mark.parametrize(
    ("attempts", "random", "seconds"),
    [
        (1, 0.0, 1.0),  # half of the ceiling at least
        (1, 1.0, 2.0),
        (3, 1.0, 8.0),
        (50, 1.0, 300.0),  # capped
    ],
)
def test_pauses_double_with_jitter_up_to_a_cap(attempts: int, random: float, seconds: float) -> None:
    assert RetryPolicy().pause(attempts, random) == timedelta(seconds=seconds)


def test_a_kind_of_command_waits_as_its_policy_says() -> None:
    policy = RetryPolicy(attempts=2, base_seconds=10.0, cap_seconds=25.0)
    assert [policy.pause(attempts, 1.0).total_seconds() for attempts in (1, 2)] == [20.0, 25.0]
