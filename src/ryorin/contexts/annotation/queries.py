"""What can be asked about annotation queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.annotation.specs import Annotation, AnnotationItem, JudgeCalibration, QueueSpec
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

ANNOTATION_MODEL = "annotation.queues"
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue by name."""

    name: str
    spec: QueueSpec
    author: str


@dataclass(frozen=True, slots=True)
class QueueReport:
    """How far a queue is: `done` items were judged by as many as they should be, `passed` of them by most.

    `agreement` is Krippendorff's alpha of items that several judged (1: as one, 0: as by chance; None: there are none).
    """

    queue: QueueView
    items: int
    done: int
    passed: int
    annotations: int
    agreement: float | None


@dataclass(frozen=True, slots=True)
class AnnotationsPage:
    """Judgements by item, and where the next page begins; None: this was the last."""

    annotations: tuple[Annotation, ...]
    next_offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAnnotationQueues(Query[tuple[QueueView, ...]]):
    """Which queues are there? By name."""

    name: ClassVar[str] = "annotation.list_queues"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    read_models: ClassVar[tuple[str, ...]] = (ANNOTATION_MODEL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAnnotationQueue(Query[QueueReport]):
    """How far is a queue, and do those who judge agree? Raises QueueNotFound."""

    name: ClassVar[str] = "annotation.get_queue"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    read_models: ClassVar[tuple[str, ...]] = (ANNOTATION_MODEL,)

    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAnnotation(Query[AnnotationItem]):
    """Which answer should the actor judge next? Raises QueueNotFound, and NothingToAnnotate at the end.

    Each sees the rest in an order of his own, so that several seldom judge the same at a time.
    """

    name: ClassVar[str] = "annotation.next"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    read_models: ClassVar[tuple[str, ...]] = (ANNOTATION_MODEL,)

    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAnnotations(Query[AnnotationsPage]):
    """What was found? Raises QueueNotFound."""

    name: ClassVar[str] = "annotation.list"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    read_models: ClassVar[tuple[str, ...]] = (ANNOTATION_MODEL,)

    queue: str
    offset: int = 0
    limit: int = 100

    def validate(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE or not 0 <= self.offset < 2**31:
            raise InvalidInput(f"limit must be 1-{MAX_PAGE}, and offset 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateJudge(Query[JudgeCalibration]):
    """How far can a metric of an evaluation be trusted, by what people said of its answers?

    Passed is a score of at least `threshold` (at most, where less is better, as of `hallucination`).
    Raises QueueNotFound and EvaluationNotFound.
    """

    name: ClassVar[str] = "annotation.calibrate_judge"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    read_models: ClassVar[tuple[str, ...]] = (ANNOTATION_MODEL, "evaluation.runs")

    queue: str
    evaluation: str
    metric: str = "judge"
    threshold: float = 0.5

    def validate(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise InvalidInput(f"threshold is {self.threshold:g}; it must be 0-1")
