"""What happened to cached answers by someone's decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class AnswersFlushed(Event):
    """The selected answers are not to be served any more, nor to be recognised as right again."""

    type: ClassVar[str] = "answers.answers_flushed"

    selection: Selection


EVENTS: tuple[type[Event], ...] = (AnswersFlushed,)
