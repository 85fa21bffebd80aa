"""Answers given to questions that are worded differently: what is told of them, and what can be said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Query, Result, Scope

MAX_HIT_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class HitJudged(Result):
    """A judgement that was taken."""

    hit: str
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSemanticHit(Command):
    """Say whether an answer that was given to a paraphrase was right; raises NotFound."""

    name: ClassVar[str] = "answers.judge_semantic_hit"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    result_type: ClassVar[type[Result]] = HitJudged

    hit: str
    right: bool

    def validate(self) -> None:
        if not 1 <= len(self.hit) <= MAX_HIT_CHARACTERS:
            raise InvalidInput(f"a hit's id has 1-{MAX_HIT_CHARACTERS} characters")


@dataclass(frozen=True, slots=True)
class SemanticReport:
    """How paraphrases fare in one scope: a collection, or `model:NAME` for answers without documents.

    `observations` were answered anew beside a near cached answer, `uniform` of them whatever was predicted; of these
    `right` cached answers were right. `hits` were given, `judged` of them by people, `judged_wrong` as wrong.
    `wrong_upper` is the upper bound of the share of wrong ones among the judged, with 95 % confidence (1 without any).
    `active`: the evidence reaches for giving some.
    """

    scope: str
    active: bool
    bound: float
    observations: int
    uniform: int
    right: int
    hits: int
    judged: int
    judged_wrong: int
    wrong_upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSemanticReport(Query[tuple[SemanticReport, ...]]):
    """How many paraphrases were answered from the cache in the last 30 days, and how many rightly?"""

    name: ClassVar[str] = "answers.get_semantic_report"
    scope: ClassVar[Scope] = Scope.OPERATIONS
