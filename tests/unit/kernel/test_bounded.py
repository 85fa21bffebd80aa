from __future__ import annotations

from ryorin.kernel.bounded import Remembered


def test_what_was_used_last_is_kept() -> None:
    kept = Remembered[str, int](2)
    kept.put("a", 1)
    kept.put("b", 2)

    assert kept.get("a") == 1
    kept.put("c", 3)

    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    assert len(kept) == 2


def test_with_no_room_nothing_is_kept() -> None:
    kept = Remembered[str, int](0)

    kept.put("a", 1)

    assert kept.get("a") is None
