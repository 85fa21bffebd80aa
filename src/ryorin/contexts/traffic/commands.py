"""What can be done: objectives are put and assessed, answers judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.traffic.specs import Level, ObjectiveSpec, Rating, check_name
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

MAX_ID_CHARACTERS = 100
MAX_FEEDBACK_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class ObjectiveChanged(Result):
    """The objective, and how it stands."""

    objective: str
    level: Level = "ok"


@dataclass(frozen=True, slots=True)
class FeedbackTaken(Result):
    """The answer that something was said of."""

    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObjective(Command):
    """Want something of a prompt's answers, or want it otherwise."""

    name: ClassVar[str] = "traffic.put_objective"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = ObjectiveChanged

    objective: str
    spec: ObjectiveSpec

    def touches(self) -> str:
        return f"prompt:{self.spec.prompt}"

    def validate(self) -> None:
        check_name("objective", self.objective)
        self.spec.validate()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveObjective(Command):
    """Want it no more. Raises ObjectiveNotFound."""

    name: ClassVar[str] = "traffic.remove_objective"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = ObjectiveChanged

    objective: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessObjective(Command):
    """Look how an objective stands, and record it when its level is another. Raises ObjectiveNotFound."""

    name: ClassVar[str] = "traffic.assess_objective"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = ObjectiveChanged

    objective: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveFeedback(Command):
    """Say whether an answer was good. What is said beyond that was stored under `said`, where it can be erased.

    Raises SampleNotFound when the answer is not stored any more.
    """

    name: ClassVar[str] = "traffic.give_feedback"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = FeedbackTaken

    answer: str
    rating: Rating
    said: str = ""

    def validate(self) -> None:
        if not 1 <= len(self.answer) <= MAX_ID_CHARACTERS:
            raise InvalidInput(f"an answer's id has 1-{MAX_ID_CHARACTERS} characters")


COMMANDS: tuple[type[Command], ...] = (PutObjective, RemoveObjective, AssessObjective, GiveFeedback)
