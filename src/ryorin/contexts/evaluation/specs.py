"""What is evaluated, on what, by which metrics; what came of an item."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ryorin.kernel.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_TEXT_CHARACTERS = 100_000
MAX_METRICS = 20
MAX_CONCURRENCY = 16

Language = Literal["ja", "en"]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MetricKind = Literal[
    "exact",
    "normalised",
    "contains",
    "numeric",
    "regex",
    "json_schema",
    "token_f1",
    "rouge_l",
    "chrf",
    "similarity",
    "hallucination",
    "style",
    "judge",
    "pairwise",
    "deepeval",
    "ragas",
    "trulens",
]
# metrics of other libraries: the option is the metric's name there
FOREIGN: tuple[MetricKind, ...] = ("deepeval", "ragas", "trulens")
State = Literal["stated", "implied", "missing", "violated"]
RequirementKind = Literal[
    "format",
    "most",
    "least",
    "language",
    "required_term",
    "forbidden_term",
    "starts",
    "ends",
    "tone",
    "citations",
    "unsure",
    "conduct",
    "forbidden",
    "fact",
]
# `abstained`: nothing can be said, which is neither 0 nor 1
Outcome = Literal["scored", "abstained", "failed"]


@dataclass(frozen=True, slots=True)
class DatasetItem:
    """A case: what is asked (`input`, or values of a prompt's variables), and what a good answer is.

    Items with the same `source` are not independent: they are in one split, and their errors count together.
    `context` is what the answer should rest on, for metrics that need it when the answer has no citations.
    """

    id: str
    input: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    expected: str | None = None
    rubric: str | None = None
    context: tuple[str, ...] = ()
    source: str | None = None
    split: Split | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def cluster(self) -> str:
        """What its errors count together with."""
        return self.source or self.id


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure by name; `option` is the regular expression, the JSON schema, the tolerance, the judge's rubric, the
    evaluation whose answers a judge compares with (pairwise), or the name of another library's metric.

    `threshold` makes a pass of a score, for rates and gates.
    """

    kind: MetricKind
    option: str = ""
    threshold: float | None = None
    model: str | None = None

    @property
    def name(self) -> str:
        """What it is called in results; of other libraries there may be several."""
        return f"{self.kind}:{self.option}" if self.kind in FOREIGN else self.kind


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: a prompt's version, a model, a collection, or some of these together."""

    prompt: str | None = None
    version: int | None = None
    model: str | None = None
    collection: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    cache: bool = False

    def __str__(self) -> str:
        prompt = f"{self.prompt}@{self.version}" if self.prompt else ""
        return " ".join(part for part in (prompt, self.model or "", self.collection or "") if part)


@dataclass(frozen=True, slots=True)
class StopRule:
    """Ask no more items once it is shown that the target is better than another evaluation by more than `margin`, or
    that it is not: by a test that may be looked at after every item. `evidence` is 1/alpha of each."""

    against: str
    metric: str
    margin: float = 0.0
    evidence: float = 40.0


@dataclass(frozen=True, slots=True)
class EvaluationSpec:
    """A target on a split of a dataset's version, by these metrics; `stop` may end it before every item was asked."""

    target: Target
    dataset: str
    dataset_version: int
    split: Split | None
    metrics: tuple[Metric, ...]
    concurrency: int = 4
    stop: StopRule | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What a metric says of one answer; `value` is None unless it was scored."""

    outcome: Outcome
    value: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to an item: `milliseconds` until it was whole, tokens and USD as the provider counted them.

    `documents` are those that it quotes, as COLLECTION/DOCUMENT.
    """

    text: str
    contexts: tuple[str, ...] = ()
    milliseconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    model: str = ""
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What came of one item; `error` is the code of why there is no answer."""

    item: str
    cluster: str
    answered: Answered | None
    scores: Mapping[str, Score]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric over all items: mean with its interval (None: nothing was scored), and how many have which outcome."""

    metric: str
    mean: float | None
    low: float | None
    high: float | None
    scored: int
    abstained: int
    failed: int
    passed: int | None = None


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """A whole run: latency in milliseconds, USD of all items. `stopped` says why it ended before all `planned` ones."""

    items: int
    errors: int
    metrics: tuple[MetricSummary, ...]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    usd: float
    prompt_tokens: int
    completion_tokens: int
    planned: int | None = None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class StyleGenome:
    """A style as samples have it: numbers only, from which no text can be read.

    `centre` is the mean of their whitened features, `habits` are means and `spread` standard deviations by name;
    `coherence` is how near a sample lies to the others, as the mean cosine. Centres of other `features` (the
    background's checksum) cannot be compared.
    """

    language: Language
    samples: int
    centre: tuple[float, ...]
    habits: Mapping[str, float]
    spread: Mapping[str, float]
    coherence: float = 0.0
    features: int = 0


@dataclass(frozen=True, slots=True)
class StyleMeasure:
    """A text's habits, and how it lies to a style: `likeness` -1 to 1, `same` the chance that it is of the same source
    (None: `abstained` says why nothing can be said), z-scores of the habits that deviate most, and of the radar's axes.
    `parts` are the pairs of parts of speech that deviate most, in standard deviations of texts of one source; `told`
    says in words, in the language of the text, what deviates.
    """

    language: Language
    characters: int
    habits: Mapping[str, float]
    likeness: float | None = None
    same: float | None = None
    likelihood_ratio: float | None = None
    abstained: str | None = None
    deviations: Mapping[str, float] = field(default_factory=dict)
    radar: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a text requires of answers: `wants` says what, in a form that can be compared (`words:50`, `ja`,
    a term), and `text` is where it stands."""

    kind: RequirementKind
    wants: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A requirement of the intent or the prompt: stated (in the prompt), missing (in the intent only), or violated.

    `held` of `checked` answers keep it, with a 95 % interval; `evidence` is the answer or the sentence that shows it,
    `by` what judged (rules or the model). `suggestion` is an edit of the prompt.
    """

    requirement: Requirement
    state: State
    checked: int = 0
    held: int = 0
    low: float | None = None
    high: float | None = None
    evidence: str = ""
    by: str = "rules"
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class IntentReport:
    """A prompt against what it is meant to do: `score` is the share of the intent's requirements that are stated, and
    not violated, with its 95 % interval (None: the intent requires nothing that could be read). `notes` say what was
    not looked at, `probes` are the inputs that were asked."""

    findings: tuple[Finding, ...]
    score: float | None
    low: float | None
    high: float | None
    answers: int
    notes: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequirementChange:
    """A requirement that an edit lost, gained, or changed into another or a weaker one; `by` what found it, rules or a
    model.
    """

    change: Literal["lost", "gained", "changed"]
    before: Requirement | None
    after: Requirement | None
    told: str
    by: str = "rules"


def check_name(kind: str, name: str) -> None:
    """Raise InvalidInput unless `name` can name a dataset or an evaluation."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{kind} {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")


def check_metrics(metrics: tuple[Metric, ...]) -> None:
    """Raise InvalidInput for metrics that can measure nothing."""
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise InvalidInput(f"an evaluation has 1-{MAX_METRICS} metrics, not {len(metrics)}")
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise InvalidInput("a metric can be named once only")
    for metric in metrics:
        if metric.kind in ("regex", "json_schema", "style", "pairwise", *FOREIGN) and not metric.option:
            raise InvalidInput(f"the metric {metric.kind} needs `option`")
        if metric.threshold is not None and not 0 <= metric.threshold <= 1:
            raise InvalidInput(f"the threshold of {metric.kind} is {metric.threshold:g}; it must be 0-1")
        if metric.kind == "regex":
            _check_pattern(metric.option)
        if metric.kind == "numeric" and metric.option:
            _check_tolerance(metric.option)


def check_stop(stop: StopRule, metrics: tuple[Metric, ...]) -> None:
    """Raise InvalidInput for a rule that can never be looked at."""
    check_name("evaluation", stop.against)
    if stop.metric not in {metric.name for metric in metrics}:
        raise InvalidInput(f"the metric {stop.metric[:40]!r} that stops the evaluation is none of its own")
    if not -1 < stop.margin < 1:
        raise InvalidInput(f"margin is {stop.margin:g}; it must be between -1 and 1")
    if not 2 <= stop.evidence <= 1e6:  # noqa: PLR2004
        raise InvalidInput(f"evidence is {stop.evidence:g}; it must be 2-1000000 (20 errs once in twenty)")


def _check_tolerance(text: str) -> None:
    try:
        fits = 0 <= float(text) < math.inf
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput(f"the tolerance {text[:40]!r} must be a number, 0 or more")


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidInput(f"the regular expression {pattern[:60]!r} cannot be read: {error}") from error
