"""What is judged, by which rubric, and what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ryorin.kernel.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_RUBRIC_CHARACTERS = 10_000
MAX_COMMENT_CHARACTERS = 5_000
MAX_ID_CHARACTERS = 200
MAX_PER_ITEM = 10


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """By what answers are judged, and by how many people each."""

    rubric: str
    per_item: int = 1

    def validate(self) -> None:
        """Raise InvalidInput for a rubric that says nothing."""
        if not self.rubric.strip() or len(self.rubric) > MAX_RUBRIC_CHARACTERS:
            raise InvalidInput(
                f"a queue needs a rubric of 1-{MAX_RUBRIC_CHARACTERS} characters: what is a good answer?"
            )
        if not 1 <= self.per_item <= MAX_PER_ITEM:
            raise InvalidInput(f"per_item is {self.per_item}; it must be 1-{MAX_PER_ITEM}")


@dataclass(frozen=True, slots=True)
class AnnotationItem:
    """An answer to be judged; never what a model or somebody else said of it.

    `evaluation` names where it is from, if it is from one; `documents` are those that it quotes, as
    COLLECTION/DOCUMENT, `readers` who may read it (None: who reads everything).
    """

    id: str
    question: str
    answer: str
    contexts: tuple[str, ...] = ()
    expected: str | None = None
    evaluation: str | None = None
    documents: tuple[str, ...] = ()
    readers: tuple[str, ...] | None = ("*",)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody found."""

    item: str
    passed: bool
    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Answers by what people and a judge said: `hits` both passed, `misses` the judge alone
    passed, `alarms` it alone failed, `rejections` both failed."""

    hits: int
    misses: int
    alarms: int
    rejections: int


@dataclass(frozen=True, slots=True)
class JudgeCalibration:
    """A judge held against people: how often it agrees, and the rate of passes that its verdicts stand for.

    `judged` is the share that it passed, `corrected` that share with its errors taken out (Rogan & Gladen, 1978), each
    with a 95 % interval; None: nothing can be said. `split` are items of which people were of two minds.
    """

    labelled: int
    split: int
    confusion: Confusion
    kappa: float | None
    sensitivity: tuple[float, float, float] | None
    specificity: tuple[float, float, float] | None
    judged: float | None
    corrected: tuple[float, float, float] | None
    told: str


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can name a queue."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"queue {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
