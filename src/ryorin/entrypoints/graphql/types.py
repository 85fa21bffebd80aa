"""What GraphQL shows: prompts, datasets, evaluations, documents, answers and usage."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import strawberry
from strawberry.scalars import JSON

from ryorin.contexts.evaluation.queries import DatasetView, EvaluationView
from ryorin.contexts.knowledge.views import DocumentView
from ryorin.contexts.prompts.queries import PromptView
from ryorin.contexts.prompts.versions import VersionView
from ryorin.entrypoints.graphql.context import Asked
from ryorin.entrypoints.graphql.limits import DEFAULT_FIRST
from ryorin.entrypoints.graphql.pages import Connection, paged
from ryorin.entrypoints.graphql.quality import Objective, PromptUsage
from ryorin.kernel.codec import to_json


@strawberry.type
class PromptMessage:
    """A turn of a prompt."""

    role: str
    content: str


@strawberry.type
class PromptVersion:
    """A version, which never changes."""

    number: int
    kind: str
    syntax: str
    messages: list[PromptMessage]
    parameters: JSON
    variables: list[str]
    labels: list[str]
    note: str
    author: str
    created_at: datetime

    @classmethod
    def of(cls, view: VersionView) -> PromptVersion:
        """From the view."""
        version = view.version
        return cls(
            number=version.number,
            kind=version.kind,
            syntax=version.syntax,
            messages=[PromptMessage(role=one.role, content=one.content) for one in version.messages],
            parameters=cast(JSON, to_json(version.parameters)),
            variables=list(view.variables),
            labels=list(view.labels),
            note=version.note,
            author=version.author,
            created_at=view.created_at,
        )


@strawberry.type
class Label:
    """A label, and the version that it names."""

    name: str
    version: int
    protected: bool


@strawberry.type
class MetricSummary:
    """A metric over all items, with its 95 % interval."""

    metric: str
    mean: float | None
    low: float | None
    high: float | None
    scored: int
    abstained: int
    failed: int


@strawberry.type
class Evaluation:
    """How an evaluation ended."""

    name: str
    state: str
    reason: str | None
    dataset: str
    dataset_version: int
    split: str | None
    prompt: str | None
    prompt_version: int | None
    model: str | None
    collection: str | None
    note: str
    author: str
    ended_at: datetime
    items: int | None
    errors: int | None
    usd: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    metrics: list[MetricSummary]

    @classmethod
    def of(cls, view: EvaluationView) -> Evaluation:
        """From the view."""
        summary, target = view.summary, view.spec.target
        return cls(
            name=view.name,
            state=view.state,
            reason=view.reason,
            dataset=view.spec.dataset,
            dataset_version=view.spec.dataset_version,
            split=view.spec.split,
            prompt=target.prompt,
            prompt_version=target.version,
            model=target.model,
            collection=target.collection,
            note=view.note,
            author=view.author,
            ended_at=view.ended_at,
            items=summary.items if summary else None,
            errors=summary.errors if summary else None,
            usd=summary.usd if summary else None,
            latency_p50_ms=summary.latency_p50_ms if summary else None,
            latency_p95_ms=summary.latency_p95_ms if summary else None,
            metrics=[
                MetricSummary(
                    metric=one.metric,
                    mean=one.mean,
                    low=one.low,
                    high=one.high,
                    scored=one.scored,
                    abstained=one.abstained,
                    failed=one.failed,
                )
                for one in (summary.metrics if summary else ())
            ],
        )


@strawberry.type
class Prompt:
    """A prompt with its labels; its versions and evaluations are asked for together with those of others."""

    name: str
    kind: str
    folder: str
    tags: list[str]
    description: str
    labels: list[Label]
    latest: int
    updated_at: datetime

    @classmethod
    def of(cls, view: PromptView) -> Prompt:
        """From the view."""
        return cls(
            name=view.name,
            kind=view.kind,
            folder=view.about.folder,
            tags=list(view.about.tags),
            description=view.about.description,
            labels=[
                Label(name=name, version=number, protected=name in view.about.protected)
                for name, number in view.labels.items()
            ],
            latest=view.latest,
            updated_at=view.updated_at,
        )

    @strawberry.field
    async def versions(
        self, info: Asked, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[PromptVersion]:
        """Newest first."""
        found = await info.context.versions.load(self.name)
        return paged(found, lambda one: str(one.version.number), PromptVersion.of, first, after)

    @strawberry.field
    async def evaluations(
        self, info: Asked, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Evaluation]:
        """Newest first."""
        found = await info.context.evaluations.load(self.name)
        return paged(found, lambda one: one.name, Evaluation.of, first, after)

    @strawberry.field
    async def usage(
        self, info: Asked, days: int = 30, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[PromptUsage]:
        """By day, version and label."""
        found = await info.context.prompt_usage.load((self.name, days))
        return paged(found, lambda one: f"{one.day} {one.version} {one.label}", PromptUsage.of, first, after)

    @strawberry.field
    async def objectives(self, info: Asked) -> list[Objective]:
        """What is wanted of its answers, by name."""
        return [Objective.of(one) for one in await info.context.objectives.load(self.name)]


@strawberry.type
class Dataset:
    """A version of a dataset; items are counted by split."""

    name: str
    version: int
    splits: JSON
    note: str
    author: str
    created_at: datetime

    @classmethod
    def of(cls, view: DatasetView) -> Dataset:
        """From the view."""
        return cls(
            name=view.name,
            version=view.version,
            splits=cast(JSON, dict(view.splits)),
            note=view.note,
            author=view.author,
            created_at=view.created_at,
        )


@strawberry.type
class Document:
    """A document as it is served."""

    collection: str
    id: strawberry.ID
    version: int | None
    title: str
    media_type: str
    language: str | None
    size_bytes: int
    chunks: int
    tags: list[str]
    metadata: JSON
    updated_at: datetime
    last_failure: str | None

    @classmethod
    def of(cls, view: DocumentView) -> Document:
        """From the view."""
        return cls(
            collection=view.collection,
            id=strawberry.ID(view.document),
            version=view.version,
            title=view.title,
            media_type=view.media_type,
            language=view.language,
            size_bytes=view.size_bytes,
            chunks=view.chunks,
            tags=list(view.tags),
            metadata=cast(JSON, dict(view.metadata)),
            updated_at=view.updated_at,
            last_failure=view.last_failure,
        )


@strawberry.type
class Answer:
    """An answer, what it cites and how it was made."""

    id: strawberry.ID
    text: str
    model: str
    cache: str
    position: str
    usd: float
    prompt_tokens: int
    completion_tokens: int
    citations: JSON


@strawberry.type
class AnswerUse:
    """A cached answer that a document went into."""

    id: strawberry.ID
    document: str
    version: int
    model: str
