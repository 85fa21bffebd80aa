"""What can be done about cached answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.answers.semantic import JudgeSemanticHit
from ryorin.kernel.messages import Command, Result, Scope


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


COMMANDS: tuple[type[Command], ...] = (FlushAnswers, JudgeSemanticHit)
