"""What can be asked about datasets and evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from ryorin.contexts.evaluation.specs import (
    MAX_TEXT_CHARACTERS,
    DatasetItem,
    EvaluationSpec,
    EvaluationSummary,
    IntentReport,
    ItemResult,
    Language,
    RequirementChange,
    Split,
    StyleMeasure,
    check_name,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

EVALUATION_MODEL = "evaluation.runs"
MAX_PAGE = 1000
MAX_PROBES = 50
READ_MODELS = (EVALUATION_MODEL,)


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A version of a dataset; items are counted by split."""

    name: str
    version: int
    splits: Mapping[str, int]
    content_hash: str
    note: str
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """Items in their order, and where the next page begins; None: this was the last."""

    items: tuple[DatasetItem, ...]
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """An evaluation: finished with its summary, or failed with the reason."""

    name: str
    spec: EvaluationSpec
    state: str
    summary: EvaluationSummary | None
    reason: str | None
    note: str
    author: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Results by item, and where the next page begins; None: this was the last."""

    results: tuple[ItemResult, ...]
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of B against A: the mean difference (B - A) with intervals, p-values, and the verdict in words.

    `p` is McNemar's where scores are 0 and 1 and no items share a source, else Student's on clusters; `adjusted_p` is
    Holm's over all metrics. `detectable` is the difference that so many items would have shown in 80 % of runs.
    `evidence` is that of the sequential test that B is better (20 shows it at 5 %), which may be looked at at any time.
    `verdict` is better, worse, no difference shown, or too few items.
    """

    metric: str
    items: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float
    p: float
    adjusted_p: float
    detectable: float
    evidence: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations of the same items."""

    first: str
    second: str
    metrics: tuple[MetricComparison, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an evaluation of so many items can show, and costs, before it is run.

    `detectable` is by metric the difference that a paired comparison shows in 80 % of runs; without an earlier
    evaluation of the same dataset it is that of a rate on which one item in five changes. USD and seconds are by the
    earlier one; None without.
    """

    items: int
    detectable: Mapping[str, float]
    usd: float | None
    seconds: float | None
    based_on: str | None


@dataclass(frozen=True, slots=True)
class StyleView:
    """A style by name, with the habits of its samples."""

    name: str
    language: Language
    samples: int
    habits: Mapping[str, float]
    author: str
    put_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStyles(Query[tuple[StyleView, ...]]):
    """Which styles are known? By name."""

    name: ClassVar[str] = "evaluation.list_styles"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureStyle(Query[StyleMeasure]):
    """How is a text written, and how does it lie to a style? Raises StyleNotFound."""

    name: ClassVar[str] = "evaluation.measure_style"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    text: str
    style: str | None = None

    def validate(self) -> None:
        if self.style is not None:
            check_name("style", self.style)
        if not self.text.strip() or len(self.text) > MAX_TEXT_CHARACTERS:
            raise InvalidInput(f"a text that is measured has 1-{MAX_TEXT_CHARACTERS} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineIntent(Query[IntentReport]):
    """Does a prompt's version require what it is meant to, and do answers keep it?

    `probes` are asked with the version (`prompt`, `version`, `model`, values of its `variables`), and so are `made`
    more that the judge thinks up to put the requirements to the test; `outputs` are answers that are there already.
    With `judge`, a model judges what rules cannot; without, that is said in the notes.
    """

    name: ClassVar[str] = "evaluation.examine_intent"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ

    text: str
    intent: str
    outputs: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    prompt: str | None = None
    version: int | None = None
    model: str | None = None
    judge: str | None = None
    made: int = 0
    variables: Mapping[str, object] = field(default_factory=dict)

    def validate(self) -> None:
        if not self.text.strip() or not self.intent.strip():
            raise InvalidInput("a prompt and its intent are needed to compare them")
        if len(self.text) + len(self.intent) + sum(map(len, self.outputs)) > MAX_TEXT_CHARACTERS:
            raise InvalidInput(f"prompt, intent and outputs have at most {MAX_TEXT_CHARACTERS} characters")
        if len(self.probes) > MAX_PROBES or len(self.outputs) > MAX_PROBES:
            raise InvalidInput(f"at most {MAX_PROBES} probes and outputs are looked at")
        if not 0 <= self.made <= MAX_PROBES - len(self.probes):
            raise InvalidInput(f"at most {MAX_PROBES} inputs are asked, given and made ones together")
        if self.made and self.judge is None:
            raise InvalidInput("inputs are made by the judge: name one")
        if (self.probes or self.made) and self.prompt is None and self.model is None:
            raise InvalidInput("probes are asked with a prompt or a model")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffIntent(Query[tuple[RequirementChange, ...]]):
    """Which requirements did an edit lose, gain or change? With `judge`, a model is asked about each that is not there
    word for word (at most 200); without, rules and vectors alone tell.
    """

    name: ClassVar[str] = "evaluation.diff_intent"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ

    before: str
    after: str
    judge: str | None = None

    def validate(self) -> None:
        if len(self.before) + len(self.after) > 2 * MAX_TEXT_CHARACTERS:
            raise InvalidInput(f"each text has at most {MAX_TEXT_CHARACTERS} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDatasets(Query[tuple[DatasetView, ...]]):
    """Which datasets are there, each by its newest version? By name."""

    name: ClassVar[str] = "evaluation.list_datasets"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDataset(Query[DatasetView]):
    """What is a version of a dataset (None: the newest)? Raises DatasetNotFound."""

    name: ClassVar[str] = "evaluation.get_dataset"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    dataset: str
    version: int | None = None

    def validate(self) -> None:
        check_name("dataset", self.dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItems(Query[ItemsPage]):
    """Which items does a version have (None: the newest)? Raises DatasetNotFound."""

    name: ClassVar[str] = "evaluation.list_items"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    dataset: str
    version: int | None = None
    split: Split | None = None
    offset: int = 0
    limit: int = 100

    def validate(self) -> None:
        check_name("dataset", self.dataset)
        _check_page(self.offset, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvaluations(Query[tuple[EvaluationView, ...]]):
    """Which evaluations have ended, of a dataset or of a prompt? Newest first."""

    name: ClassVar[str] = "evaluation.list"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    dataset: str | None = None
    prompt: str | None = None

    def touches(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEvaluation(Query[EvaluationView]):
    """What came of an evaluation? Raises EvaluationNotFound."""

    name: ClassVar[str] = "evaluation.get"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    evaluation: str

    def validate(self) -> None:
        check_name("evaluation", self.evaluation)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListResults(Query[ResultsPage]):
    """What came of each item, also while it runs? By item."""

    name: ClassVar[str] = "evaluation.list_results"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ

    evaluation: str
    offset: int = 0
    limit: int = 100

    def validate(self) -> None:
        check_name("evaluation", self.evaluation)
        _check_page(self.offset, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareEvaluations(Query[Comparison]):
    """Is the second better than the first, by more than `margin`? Raises EvaluationNotFound, NotComparable.

    The margin is that of `evidence`; a negative one asks whether it is no worse by that much.
    """

    name: ClassVar[str] = "evaluation.compare"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    first: str
    second: str
    margin: float = 0.0

    def validate(self) -> None:
        check_name("evaluation", self.first)
        check_name("evaluation", self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastEvaluation(Query[Forecast]):
    """What would evaluating a split show at best, and cost? Raises DatasetNotFound."""

    name: ClassVar[str] = "evaluation.forecast"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = READ_MODELS

    dataset: str
    version: int | None = None
    split: Split | None = None

    def validate(self) -> None:
        check_name("dataset", self.dataset)


def _check_page(offset: int, limit: int) -> None:
    if offset < 0 or not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"offset must be 0 or more and limit 1-{MAX_PAGE}; they are {offset} and {limit}")
