"""What is counted of answers, and what an objective wants of them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ryorin.kernel.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# round numbers of a decade; bounds of histograms, so that a threshold that is one of them is counted exactly
_ROUND = (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9)
DAYS_KEPT = 35
# stands for whichever documents an answer may quote that cites none
ANY_DOCUMENT = "*"
MAX_WINDOW_DAYS = 30

Indicator = Literal["latency", "errors", "cost", "staleness", "quality", "drift"]
# what a histogram is of: milliseconds, millionths of a USD, and characters
Measure = Literal["ms", "micro_usd", "question", "answer"]
MEASURES: tuple[Measure, ...] = ("ms", "micro_usd", "question", "answer")
Level = Literal["ok", "ticket", "page"]
LEVELS: tuple[Level, ...] = ("ok", "ticket", "page")
# metrics of evaluations that need no expected answer; of those in LOW less is better
QUALITY = ("hallucination", "style", "regex", "json_schema", "judge")
LOW = ("hallucination",)
Rating = Literal["good", "bad"]


def _bounds() -> tuple[float, ...]:
    # six decades from 1 to a million, where the last bucket ends
    return (*(float(f"{digit * 10**decade:.4g}") for decade in range(6) for digit in _ROUND), 1e6)


# values up to a bound are in its bucket; the bucket after the last bound has all that are greater
BOUNDS = _bounds()


def bucket_of(value: float) -> int:
    """The bucket of a value of 0 or more."""
    return bisect_left(BOUNDS, value)


def bound_of(threshold: float) -> int:
    """The bucket whose upper bound a threshold is; raises InvalidInput with the nearest ones for others."""
    at = bisect_left(BOUNDS, threshold)
    if at < len(BOUNDS) and BOUNDS[at] == threshold:
        return at
    near = " and ".join(f"{bound:g}" for bound in BOUNDS[max(0, at - 1) : at + 1])
    raise InvalidInput(
        f"{threshold:g} is no bound of the histogram, so it could not be counted exactly; near are {near}"
    )


@dataclass(frozen=True, slots=True)
class PromptAt:
    """A version of a prompt, as it was asked for: `label` is "" where it was named by number."""

    prompt: str
    version: int
    label: str


@dataclass(frozen=True, slots=True)
class PromptTotals:
    """Sums over answers: `failed` had none, `stale` were given though they were not sure to be current.

    Tokens and USD are of the answers that were made; `cached` ones cost nothing again.
    """

    answers: int = 0
    failed: int = 0
    cached: int = 0
    stale: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class ObjectiveSpec:
    """Of the answers of a prompt under a label, in the last `window_days`, a share `target` is to be good.

    `threshold` is milliseconds (latency), USD (cost) or a score (quality), `metric` one of evaluations with its
    `option` and the model that judges; `sample` the share of answers that is stored and scored. Drift has no target.
    """

    prompt: str
    label: str
    indicator: Indicator
    target: float | None = None
    threshold: float | None = None
    window_days: int = 30
    metric: str | None = None
    option: str = ""
    judge: str | None = None
    sample: float = 0.1

    @property
    def samples(self) -> float:
        """The share of answers that it needs stored; drift looks at questions too."""
        return self.sample if self.indicator in ("quality", "drift") else 0.0

    def validate(self) -> None:
        """Raise InvalidInput for what can never be measured."""
        if not NAME.fullmatch(self.prompt) or not self.label:
            raise InvalidInput("an objective is of a prompt's answers under a label: name both")
        if not 1 <= self.window_days <= MAX_WINDOW_DAYS:
            raise InvalidInput(f"window_days is {self.window_days}; it must be 1-{MAX_WINDOW_DAYS}")
        if not 0 < self.sample <= 1:
            raise InvalidInput(f"sample is {self.sample:g}; it must be greater than 0 and at most 1")
        self._check_target()
        self._check_threshold()
        self._check_metric()

    def _check_target(self) -> None:
        if self.indicator == "drift":
            if self.target is not None:
                raise InvalidInput("drift has no target: it alerts when the last days differ from those before")
        elif self.target is None or not 0.5 <= self.target <= 0.9999:  # noqa: PLR2004
            raise InvalidInput("target must be a share of 0.5-0.9999, such as 0.99")

    def _check_threshold(self) -> None:
        wanted = self.indicator in ("latency", "cost", "quality")
        if wanted != (self.threshold is not None):
            raise InvalidInput(
                f"`threshold` is {'needed' if wanted else 'not used'} with the indicator {self.indicator}"
            )
        if self.threshold is None:
            return
        if self.indicator == "latency":
            bound_of(self.threshold)
        elif self.indicator == "cost":
            bound_of(_micro(self.threshold))
        elif not 0 <= self.threshold <= 1:
            raise InvalidInput(f"the threshold of a score is {self.threshold:g}; it must be 0-1")

    def _check_metric(self) -> None:
        if (self.indicator == "quality") != (self.metric is not None):
            raise InvalidInput("`metric` goes with the indicator quality, and only with it")
        if self.metric is not None and self.metric not in QUALITY:
            raise InvalidInput(
                f"metric {self.metric!r} needs an expected answer; of traffic there is {', '.join(QUALITY)}"
            )
        if self.metric in ("regex", "json_schema", "style") and not self.option:
            raise InvalidInput(f"the metric {self.metric} needs `option`")

    @property
    def bucket(self) -> int:
        """Up to which bucket of its histogram an answer is good."""
        assert self.threshold is not None  # latency and cost have one
        return bound_of(self.threshold if self.indicator == "latency" else _micro(self.threshold))

    def good(self, score: float) -> bool:
        """Whether a score of its metric is good."""
        assert self.threshold is not None  # quality has one
        return score <= self.threshold if self.metric in LOW else score >= self.threshold


def _micro(usd: float) -> float:
    # 0.0022 USD are 2200 millionths, also in binary
    return float(f"{usd * 1e6:.6g}")


@dataclass(frozen=True, slots=True)
class BurnRate:
    """How fast the budget goes in two windows: 1 uses it up exactly in the objective's window.

    `sure` is the lower bound of the long one (one-sided 95 %); `fires` when that and the short one are above `limit`.
    """

    level: Level
    limit: float
    long_minutes: int
    short_minutes: int
    long: float
    short: float
    sure: float
    fires: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """How what was measured differs between the days before and the last ones: `p` is adjusted (Holm), the effect a
    population stability index, or for `vectors` an AUC."""

    measure: str
    before: int
    after: int
    p: float
    effect: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    """An objective now: `good` of `counted` answers, what is left of the error budget (1: all, below 0: overspent).

    `share` is None while nothing was counted; `abstained` and `failed` scores count neither way.
    """

    level: Level
    counted: int
    good: int
    share: float | None
    low: float | None
    high: float | None
    budget_left: float | None
    burns: tuple[BurnRate, ...] = ()
    shifts: tuple[Shift, ...] = ()
    abstained: int = 0
    failed: int = 0
    told: str = ""


@dataclass(frozen=True, slots=True)
class AnswerSample:
    """An answer that was given, as it was stored: `messages` are what was asked, the prompt's own among them,
    `question` what its user said last, `variables` the values that the prompt was given.

    `readers` are those of who asked; None: who reads everything. Its scores belong below `traceparent`.
    """

    id: str
    answer_id: str
    at: PromptAt
    asked_at: datetime
    question: str
    messages: tuple[tuple[str, str], ...]
    text: str
    variables: Mapping[str, object] = field(default_factory=dict)
    contexts: tuple[str, ...] = ()
    collection: str | None = None
    documents: tuple[str, ...] = ()
    readers: tuple[str, ...] | None = None
    milliseconds: float = 0.0
    usd: float = 0.0
    model: str = ""
    traceparent: str | None = None

    @property
    def asked(self) -> str:
        """What its user said, or the prompt's words where those say it all."""
        if self.question.strip():
            return self.question
        return next((text for role, text in reversed(self.messages) if role == "user"), "")


@dataclass(frozen=True, slots=True)
class SampleScore:
    """What an objective's metric says of a sample; `outcome` is scored, abstained or failed."""

    objective: str
    outcome: str
    value: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody said of an answer: whether it was good, how it should have been, and why."""

    rating: Rating
    correction: str | None = None
    comment: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class SampleView:
    """A stored answer with its scores and what was said of it."""

    sample: AnswerSample
    scores: tuple[SampleScore, ...] = ()
    feedback: tuple[Feedback, ...] = ()


Histogram = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class TrafficSlice:
    """What was measured of a prompt's answers in some time, for drift: histograms, and vectors' bytes of questions."""

    histograms: Mapping[Measure, Histogram] = field(default_factory=dict)
    vectors: tuple[bytes, ...] = ()


def check_name(kind: str, name: str) -> None:
    """Raise InvalidInput unless `name` can name an objective."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{kind} {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
