"""The aggregate of an objective: what is wanted, and how it stood when that last changed."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.traffic.errors import ObjectiveNotFound
from ryorin.contexts.traffic.events import FeedbackGiven, ObjectiveLevelChanged, ObjectivePut, ObjectiveRemoved
from ryorin.contexts.traffic.specs import Level, ObjectiveSpec, Rating
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Objective(Aggregate):
    """What is wanted of a prompt's answers."""

    stream_type: ClassVar[str] = "objective"

    def __init__(self, org_id: OrgId, objective: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, objective))
        self.objective = objective
        self.spec: ObjectiveSpec | None = None
        self.level: Level = "ok"

    def put(self, spec: ObjectiveSpec, author: str) -> None:
        """Want this; what is wanted already changes nothing. A changed one begins as if all were well."""
        if spec != self.spec:
            self.record(ObjectivePut(self.objective, spec, author))

    def remove(self) -> None:
        """Want it no more; raises ObjectiveNotFound."""
        self.wanted()
        self.record(ObjectiveRemoved(self.objective))

    def stands(self, level: Level, told: str) -> None:
        """Note a level if it is another; raises ObjectiveNotFound."""
        spec = self.wanted()
        if level != self.level:
            self.record(
                ObjectiveLevelChanged(self.objective, spec.prompt, spec.label, spec.indicator, self.level, level, told)
            )

    def wanted(self) -> ObjectiveSpec:
        """What it wants; raises ObjectiveNotFound."""
        if self.spec is None:
            raise ObjectiveNotFound(f"there is no objective {self.objective!r}")
        return self.spec

    def apply(self, event: Event) -> None:
        match event:
            case ObjectivePut():
                self.spec, self.level = event.spec, "ok"
            case ObjectiveRemoved():
                self.spec, self.level = None, "ok"
            case ObjectiveLevelChanged():
                self.level = event.after


class JudgedAnswer(Aggregate):
    """An answer that somebody said something of."""

    stream_type: ClassVar[str] = "judged_answer"

    def __init__(self, org_id: OrgId, answer: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, answer))
        self.answer = answer

    def judge(self, rating: Rating, author: str) -> None:
        """Say whether it was good; each time is a fact of its own."""
        self.record(FeedbackGiven(self.answer, rating, author))

    def apply(self, event: Event) -> None:
        """Nothing is decided by what was said before."""
