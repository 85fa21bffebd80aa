"""What can be done about cached answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.answers.semantic import JudgeSemanticHit
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

# questions that one command may ask again
MAX_WARMED = 1000


@dataclass(frozen=True, slots=True)
class Flushed(Result):
    """How many answers were selected when the command came."""

    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushAnswers(Command):
    """Take answers out of every layer of the cache; whoever carries the command's token is not served any of them."""

    name: ClassVar[str] = "answers.flush_answers"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    result_type: ClassVar[type[Result]] = Flushed

    selection: Selection

    def validate(self) -> None:
        self.selection.validate()


@dataclass(frozen=True, slots=True)
class Warmed(Result):
    """How many questions were asked again; of these how many a model answered, how many had the same context after all,
    and how many could not be answered."""

    collection: str
    questions: int
    made: int
    revalidated: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmAnswers(Command):
    """Answer the most popular questions of a collection again whose answers became invalid, at most `limit`."""

    name: ClassVar[str] = "answers.warm_answers"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    result_type: ClassVar[type[Result]] = Warmed
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "ingest"

    collection: str
    limit: int = 50

    def validate(self) -> None:
        if not self.collection.strip():
            raise InvalidInput("name a collection")
        if not 1 <= self.limit <= MAX_WARMED:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_WARMED}")


COMMANDS: tuple[type[Command], ...] = (FlushAnswers, WarmAnswers, JudgeSemanticHit)
