"""What can be done: datasets are put, evaluations are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.evaluation.specs import (
    MAX_CONCURRENCY,
    EvaluationSpec,
    EvaluationSummary,
    StyleGenome,
    check_metrics,
    check_name,
    check_stop,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, RetryPolicy, Scope

MAX_NOTE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class DatasetChanged(Result):
    """The dataset, and the version that it is about; None where it is about none. Items are counted by split."""

    dataset: str
    version: int | None
    items: int = 0


@dataclass(frozen=True, slots=True)
class EvaluationDone(Result):
    """What came of it."""

    evaluation: str
    summary: EvaluationSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDataset(Command):
    """Make a version of a dataset, and the dataset with it, of items that are stored under a hash.

    The same items again make no new version.
    """

    name: ClassVar[str] = "evaluation.put_dataset"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = DatasetChanged

    dataset: str
    content_hash: str
    note: str = ""

    def validate(self) -> None:
        check_name("dataset", self.dataset)
        if len(self.note) > MAX_NOTE_CHARACTERS:
            raise InvalidInput(f"a version's note has at most {MAX_NOTE_CHARACTERS} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDataset(Command):
    """Take a dataset away; evaluations made of it keep their results. Raises DatasetNotFound."""

    name: ClassVar[str] = "evaluation.remove_dataset"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = DatasetChanged

    dataset: str

    def validate(self) -> None:
        check_name("dataset", self.dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvaluation(Command):
    """Ask every item and measure the answers; goes on where it was interrupted. Raises DatasetNotFound.

    Each item is answered once: its result is kept before the next one begins, under the evaluation's name.
    """

    name: ClassVar[str] = "evaluation.run"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = EvaluationDone
    queued: ClassVar[bool] = True
    queue: ClassVar[str] = "train"
    retry: ClassVar[RetryPolicy] = RetryPolicy(attempts=8, base_seconds=5.0)

    evaluation: str
    spec: EvaluationSpec
    note: str = ""

    def needs(self) -> tuple[Scope, ...]:
        asked = (Scope.PROMPTS_WRITE, Scope.ANSWERS_READ)
        return (*asked, Scope.KNOWLEDGE_READ) if self.spec.target.collection else asked

    def validate(self) -> None:
        check_name("evaluation", self.evaluation)
        check_name("dataset", self.spec.dataset)
        check_metrics(self.spec.metrics)
        if self.spec.stop is not None:
            check_stop(self.spec.stop, self.spec.metrics)
        target = self.spec.target
        if target.prompt is None and target.model is None:
            raise InvalidInput("an evaluation asks a prompt, a model, or a model with a prompt")
        if (target.prompt is None) != (target.version is None):
            raise InvalidInput("a prompt is evaluated by the number of its version")
        if not 1 <= self.spec.concurrency <= MAX_CONCURRENCY:
            raise InvalidInput(f"concurrency is {self.spec.concurrency}; it must be 1-{MAX_CONCURRENCY}")
        if len(self.note) > MAX_NOTE_CHARACTERS:
            raise InvalidInput(f"an evaluation's note has at most {MAX_NOTE_CHARACTERS} characters")


@dataclass(frozen=True, slots=True)
class StyleChanged(Result):
    """The style that it is about."""

    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutStyle(Command):
    """Know a style by this name from now on; the same again changes nothing."""

    name: ClassVar[str] = "evaluation.put_style"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = StyleChanged

    style: str
    genome: StyleGenome

    def validate(self) -> None:
        check_name("style", self.style)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStyle(Command):
    """Know a style no more. Raises StyleNotFound."""

    name: ClassVar[str] = "evaluation.remove_style"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = StyleChanged

    style: str

    def validate(self) -> None:
        check_name("style", self.style)


COMMANDS: tuple[type[Command], ...] = (PutDataset, RemoveDataset, RunEvaluation, PutStyle, RemoveStyle)
