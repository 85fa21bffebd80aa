"""What can be asked about traffic: objectives, usage by version, stored answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from ryorin.contexts.traffic.specs import (
    DAYS_KEPT,
    Level,
    ObjectiveSpec,
    ObjectiveStatus,
    PromptTotals,
    Rating,
    SampleView,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

TRAFFIC_MODEL = "traffic.objectives"
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """An objective, the level that was recorded last and since when."""

    name: str
    spec: ObjectiveSpec
    level: Level
    author: str
    changed_at: datetime
    told: str = ""


@dataclass(frozen=True, slots=True)
class ObjectiveReport:
    """An objective with how it stands now."""

    objective: ObjectiveView
    status: ObjectiveStatus


@dataclass(frozen=True, slots=True)
class PromptUse:
    """A version's answers under a label on one day; `label` is "" where it was named by number."""

    day: date
    prompt: str
    version: int
    label: str
    totals: PromptTotals
    latency_p50_ms: float | None
    latency_p95_ms: float | None


@dataclass(frozen=True, slots=True)
class SamplesPage:
    """Stored answers, newest first; `next` is where the rest begins, None at the end."""

    samples: tuple[SampleView, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListObjectives(Query[tuple[ObjectiveView, ...]]):
    """What is wanted of prompts' answers? By name."""

    name: ClassVar[str] = "traffic.list_objectives"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (TRAFFIC_MODEL,)

    prompt: str | None = None

    def touches(self) -> str:
        return f"prompt:{self.prompt}" if self.prompt else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetObjective(Query[ObjectiveReport]):
    """How does an objective stand? Raises ObjectiveNotFound."""

    name: ClassVar[str] = "traffic.get_objective"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (TRAFFIC_MODEL,)

    objective: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPromptUsage(Query[tuple[PromptUse, ...]]):
    """What did prompts' versions answer, and at what cost, in the last days (today among them)?"""

    name: ClassVar[str] = "traffic.get_prompt_usage"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ

    prompt: str | None = None
    days: int = 30

    def touches(self) -> str:
        return f"prompt:{self.prompt}" if self.prompt else ""

    def validate(self) -> None:
        if not 1 <= self.days <= DAYS_KEPT:
            raise InvalidInput(f"days is {self.days}; it must be 1-{DAYS_KEPT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSamples(Query[SamplesPage]):
    """Which answers of a prompt are stored, that the actor may read? Newest first.

    `rating` wants those that somebody found so.
    """

    name: ClassVar[str] = "traffic.list_samples"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE

    prompt: str
    label: str | None = None
    version: int | None = None
    rating: Rating | None = None
    offset: int = 0
    limit: int = 100

    def validate(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE or not 0 <= self.offset < 2**31:
            raise InvalidInput(f"limit must be 1-{MAX_PAGE}, and offset 0 or more")
