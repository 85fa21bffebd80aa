"""What happened to objectives, and that something was said of answers: never what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.traffic.specs import Level, ObjectiveSpec, Rating
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ObjectivePut(Event):
    """Something is wanted of a prompt's answers from now on."""

    type: ClassVar[str] = "traffic.objective_put"

    objective: str
    spec: ObjectiveSpec
    author: str


@dataclass(frozen=True, slots=True)
class ObjectiveRemoved(Event):
    """It is wanted no more."""

    type: ClassVar[str] = "traffic.objective_removed"

    objective: str


@dataclass(frozen=True, slots=True)
class ObjectiveLevelChanged(Event):
    """Its budget burns as fast as to wake somebody (page) or to be looked at (ticket), or no more (ok)."""

    type: ClassVar[str] = "traffic.objective_level_changed"

    objective: str
    prompt: str
    label: str
    indicator: str
    before: Level
    after: Level
    told: str


@dataclass(frozen=True, slots=True)
class FeedbackGiven(Event):
    """Somebody said something of an answer; what stays where it can be erased."""

    type: ClassVar[str] = "traffic.feedback_given"

    answer: str
    rating: Rating
    author: str


EVENTS: tuple[type[Event], ...] = (ObjectivePut, ObjectiveRemoved, ObjectiveLevelChanged, FeedbackGiven)
