from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryorin.kernel.codec import event_registry, from_json, to_json
from ryorin.kernel.errors import InvalidInput, NewerVersion
from ryorin.kernel.events import Event, LogPosition


@dataclass(frozen=True)
class Inner:
    name: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Happened(Event):
    type: ClassVar[str] = "test.happened"

    inner: Inner
    when: datetime
    which: UUID
    kind: Literal["a", "b"] | None = None
    share: float = 0.5


def test_a_message_comes_back_as_it_went() -> None:
    event = Happened(Inner("名前", (1, 2)), datetime(2026, 1, 2, tzinfo=UTC), UUID(int=7), "b")

    back = from_json(Happened, to_json(event))

    assert back == event


def test_unknown_fields_of_a_newer_version_are_passed_over() -> None:
    assert from_json(Inner, {"name": "x", "numbers": [], "added_later": 1}) == Inner("x", ())


@pytest.mark.parametrize("data", [{"name": 1, "numbers": []}, {"name": "x", "numbers": ["y"]}, {"name": "x"}, [], None])
def test_what_does_not_fit_is_refused(data: object) -> None:
    with pytest.raises(InvalidInput):
        from_json(Inner, data)  # type: ignore[arg-type]  # deliberately wrong


def test_older_schema_versions_are_upcast_step_by_step() -> None:
    registry = event_registry()
    registry.register(Happened)
    registry.register_upcaster("test.happened", 1, lambda data: {**data, "share": 0.25})
    registry.register_upcaster("test.happened", 2, lambda data: {**data, "kind": "a"})
    stored = to_json(Happened(Inner("x", ()), datetime(2026, 1, 2, tzinfo=UTC), UUID(int=7)))
    assert isinstance(stored, dict)

    event = registry.decode("test.happened", stored, schema_version=1)

    assert isinstance(event, Happened)
    assert (event.share, event.kind) == (0.25, "a")


def test_an_unknown_event_is_named() -> None:
    with pytest.raises(NewerVersion, match=r"test\.unknown"):
        event_registry().decode("test.unknown", {})


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_a_token_is_read_back(transaction_id: int, position: int) -> None:
    assert LogPosition.parse(str(LogPosition(transaction_id, position))) == LogPosition(transaction_id, position)


@pytest.mark.parametrize("token", ["", "1", "1-", "-1", "a-b", "1-2-3", "１-２", "9" * 30 + "-1"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidInput, match="consistency token"):
        LogPosition.parse(token)
