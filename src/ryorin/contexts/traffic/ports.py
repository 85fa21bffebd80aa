"""What traffic needs from outside: what was counted, stored answers, and objectives as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ryorin.contexts.traffic.events import ObjectiveLevelChanged, ObjectivePut
from ryorin.contexts.traffic.queries import ObjectiveView, PromptUse
from ryorin.contexts.traffic.specs import (
    AnswerSample,
    Feedback,
    ObjectiveSpec,
    PromptAt,
    PromptTotals,
    Rating,
    SampleScore,
    SampleView,
    TrafficSlice,
)
from ryorin.kernel.messages import Actor, OrgId


class TrafficNotes(Protocol):
    """Takes down what was given; written a moment later."""

    def note(self, org_id: OrgId, at: PromptAt, totals: PromptTotals, values: Sequence[float | None]) -> None:
        """Add one answer: its sums, and a value for each of MEASURES (None: it has none)."""
        ...

    async def share(self, org_id: OrgId, prompt: str, label: str) -> float:
        """Which share of a prompt's answers is to be stored; 0 while that cannot be known."""
        ...

    def keep(self, org_id: OrgId, sample: AnswerSample) -> None:
        """Have an answer stored soon."""
        ...


class Counted(Protocol):
    """What was counted of an objective in a window: `total` answers, `bad` ones, and those without a score."""

    @property
    def total(self) -> int: ...

    @property
    def bad(self) -> int: ...

    @property
    def abstained(self) -> int: ...

    @property
    def failed(self) -> int: ...


class Traffic(Protocol):
    """What was counted and stored, as it is read."""

    async def counted(
        self, org_id: OrgId, objective: str, spec: ObjectiveSpec, minutes: Sequence[int]
    ) -> Sequence[Counted]:
        """Of the last minutes, for each of the windows."""
        ...

    async def slices(self, org_id: OrgId, spec: ObjectiveSpec) -> tuple[TrafficSlice, TrafficSlice]:
        """The days before the objective's window (four times as many), and the window."""
        ...

    async def uses(self, org_id: OrgId, prompt: str | None, days: int) -> Sequence[PromptUse]: ...


class Samples(Protocol):
    """Stored answers."""

    async def page(
        self,
        actor: Actor,
        prompt: str,
        label: str | None,
        version: int | None,
        rating: Rating | None,
        offset: int,
        limit: int,
    ) -> Sequence[SampleView]:
        """Those that the actor may read, newest first."""
        ...

    async def known(self, org_id: OrgId, answer: str) -> bool:
        """Whether an answer is stored, or was a moment ago; one that is kept in the cache is stored from there."""
        ...

    async def say(self, org_id: OrgId, feedback: Feedback) -> str:
        """Store what is said of an answer until it is rated; its id."""
        ...

    async def rate(self, org_id: OrgId, answer: str, feedback: Feedback, said: str) -> None:
        """Note a rating with what was said; an earlier one by the same goes."""
        ...


@dataclass(frozen=True, slots=True)
class Leased:
    """A stored answer to be scored; after the `last` try nobody tries again."""

    org_id: OrgId
    sample: AnswerSample
    last: bool


class SampleQueue(Protocol):
    """Stored answers that are still to be scored."""

    async def lease(self, limit: int) -> Sequence[Leased]:
        """Some, for a minute; nobody else gets them meanwhile."""
        ...

    async def scored(self, org_id: OrgId, sample: str, scores: Sequence[SampleScore], vector: bytes | None) -> None:
        """Store what was found, and the question's vector."""
        ...


class ObjectiveRows(Protocol):
    """Rows as the projection writes them; every process is told when the transaction commits."""

    async def put(self, org_id: OrgId, put: ObjectivePut, at: datetime) -> None: ...

    async def remove(self, org_id: OrgId, objective: str) -> None: ...

    async def level(self, org_id: OrgId, changed: ObjectiveLevelChanged, at: datetime) -> None: ...

    async def changed(self) -> None:
        """Tell every process that remembers objectives."""
        ...


class Objectives(Protocol):
    """Objectives as they are read; remembered until a process is told otherwise."""

    async def all(self, org_id: OrgId) -> Sequence[ObjectiveView]:
        """By name."""
        ...

    async def everywhere(self) -> Sequence[tuple[OrgId, ObjectiveView]]:
        """Of all organisations."""
        ...
