"""What happened to datasets and evaluations. Items and answers are not in the log: they can be erased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.evaluation.specs import EvaluationSpec, EvaluationSummary, StyleGenome
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class DatasetVersionCreated(Event):
    """A version is there; its items are stored under the hash, counted by split."""

    type: ClassVar[str] = "evaluation.dataset_version_created"

    dataset: str
    version: int
    content_hash: str
    splits: Mapping[str, int]
    note: str
    author: str


@dataclass(frozen=True, slots=True)
class DatasetRemoved(Event):
    """A dataset is gone; numbers go on if it comes again."""

    type: ClassVar[str] = "evaluation.dataset_removed"

    dataset: str


@dataclass(frozen=True, slots=True)
class EvaluationFinished(Event):
    """Every item has a result."""

    type: ClassVar[str] = "evaluation.finished"

    evaluation: str
    spec: EvaluationSpec
    summary: EvaluationSummary
    note: str
    author: str


@dataclass(frozen=True, slots=True)
class EvaluationFailed(Event):
    """It ended before every item had a result."""

    type: ClassVar[str] = "evaluation.failed"

    evaluation: str
    spec: EvaluationSpec
    code: str
    reason: str
    note: str
    author: str


@dataclass(frozen=True, slots=True)
class StylePut(Event):
    """A style is known by this name: numbers, no texts."""

    type: ClassVar[str] = "evaluation.style_put"

    style: str
    genome: StyleGenome
    author: str


@dataclass(frozen=True, slots=True)
class StyleRemoved(Event):
    """A style is known no more."""

    type: ClassVar[str] = "evaluation.style_removed"

    style: str


EVENTS: tuple[type[Event], ...] = (
    DatasetVersionCreated,
    DatasetRemoved,
    EvaluationFinished,
    EvaluationFailed,
    StylePut,
    StyleRemoved,
)
