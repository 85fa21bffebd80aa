"""What evaluation needs from outside: who answers, vectors, schemas, and where items and results are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.evaluation.events import DatasetVersionCreated, EvaluationFailed, EvaluationFinished, StylePut
from ryorin.contexts.evaluation.queries import DatasetView, EvaluationView, StyleView
from ryorin.contexts.evaluation.specs import (
    Answered,
    DatasetItem,
    ItemResult,
    Language,
    MetricKind,
    Score,
    StyleGenome,
    Target,
)
from ryorin.kernel.messages import Actor, OrgId


class Subject(Protocol):
    """What is evaluated, and models that judge."""

    async def answer(self, actor: Actor, target: Target, item: DatasetItem) -> Answered:
        """Its answer to an item; raises what answering raises."""
        ...

    async def judge(self, actor: Actor, model: str | None, instructions: str, text: str) -> str:
        """What a model says of a text; None: the one that is meant when none is named."""
        ...


# what a model says to a prompt
Judge = Callable[[str], Coroutine[Any, Any, str]]


class ForeignMetrics(Protocol):
    """Metrics of other libraries."""

    async def score(
        self, kind: MetricKind, name: str, item: DatasetItem, answered: Answered, question: str, judge: Judge
    ) -> Score:
        """What one of them says. Raises InvalidInput when library or metric are not there."""
        ...


class TextVectors(Protocol):
    """Vectors of texts, of length 1 around the origin: likeness is their product."""

    async def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions)."""
        ...


class Tagger(Protocol):
    """Parts of speech."""

    def tags(self, text: str, language: Language) -> Sequence[str]:
        """A tag for each word and sign in order; `^` stands where a sentence begins."""
        ...


class Shapes(Protocol):
    """JSON schemas and regular expressions of users."""

    def matches(self, pattern: str, text: str) -> bool:
        """Whether a pattern is found in a text. Raises InvalidInput for one that takes too long."""
        ...

    def faults(self, schema: str, text: str) -> Sequence[str]:
        """What in a text does not fit; none: it fits. Raises InvalidInput for a schema that is none."""
        ...


class DatasetContents(Protocol):
    """Items by the hash of all of them."""

    async def put(self, org_id: OrgId, items: Sequence[DatasetItem]) -> str: ...

    async def get(self, org_id: OrgId, content_hash: str) -> Sequence[DatasetItem] | None: ...


class ItemResults(Protocol):
    """Results by evaluation and item; the first one of an item stays."""

    async def save(self, org_id: OrgId, evaluation: str, result: ItemResult) -> bool:
        """Keep a result; whether there was none of the item."""
        ...

    async def done(self, org_id: OrgId, evaluation: str) -> Collection[str]:
        """The items that have one."""
        ...

    async def all(self, org_id: OrgId, evaluation: str) -> Sequence[ItemResult]:
        """By item."""
        ...

    async def one(self, org_id: OrgId, evaluation: str, item: str) -> ItemResult | None:
        """What came of an item; None: nothing yet."""
        ...

    async def page(self, org_id: OrgId, evaluation: str, offset: int, limit: int) -> Sequence[ItemResult]:
        """Some of them, by item."""
        ...


class EvaluationRows(Protocol):
    """Rows as the projection writes them."""

    async def add_dataset_version(
        self, org_id: OrgId, created: DatasetVersionCreated, created_at: datetime
    ) -> None: ...

    async def remove_dataset(self, org_id: OrgId, dataset: str) -> None: ...

    async def put_style(self, org_id: OrgId, put: StylePut, put_at: datetime) -> None: ...

    async def remove_style(self, org_id: OrgId, style: str) -> None: ...

    async def put_evaluation(
        self, org_id: OrgId, ended: EvaluationFinished | EvaluationFailed, ended_at: datetime
    ) -> None: ...


class Evaluations(Protocol):
    """Datasets and evaluations as they are read."""

    async def datasets(self, org_id: OrgId) -> Sequence[DatasetView]:
        """Each by its newest version, by name."""
        ...

    async def dataset(self, org_id: OrgId, dataset: str, version: int | None) -> DatasetView | None:
        """A version; None: the newest."""
        ...

    async def evaluations(
        self, org_id: OrgId, dataset: str | None = None, prompt: str | None = None
    ) -> Sequence[EvaluationView]:
        """Newest first."""
        ...

    async def evaluation(self, org_id: OrgId, evaluation: str) -> EvaluationView | None: ...

    async def styles(self, org_id: OrgId) -> Sequence[StyleView]:
        """By name."""
        ...

    async def style(self, org_id: OrgId, style: str) -> StyleGenome | None: ...
