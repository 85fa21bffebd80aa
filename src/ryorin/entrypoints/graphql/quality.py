"""What GraphQL shows of quality: usage and objectives of prompts, styles, annotation queues."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast

import strawberry
from strawberry.scalars import JSON

from ryorin.contexts.annotation.queries import GetAnnotationQueue, ListAnnotationQueues, QueueReport
from ryorin.contexts.evaluation.queries import ListStyles, StyleView
from ryorin.contexts.evaluation.specs import Metric, MetricKind, Split, Target
from ryorin.contexts.operations.queries import GetCommand
from ryorin.contexts.traffic.commands import GiveFeedback, PutObjective
from ryorin.contexts.traffic.queries import TRAFFIC_MODEL, GetObjective, ListObjectives, ObjectiveView, PromptUse
from ryorin.contexts.traffic.specs import Indicator, ObjectiveSpec, ObjectiveStatus, Rating
from ryorin.entrypoints.graphql.changes import one_of, written
from ryorin.entrypoints.graphql.context import Asked, told
from ryorin.entrypoints.graphql.limits import DEFAULT_FIRST
from ryorin.entrypoints.graphql.pages import Connection, paged
from ryorin.entrypoints.graphql.views import Command, Written
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import RyorinError
from ryorin.processes.wanted_evaluation import WantedEvaluation


@strawberry.type
class PromptUsage:
    """A version's answers under a label on one day; `label` is "" where it was named by number."""

    day: date
    version: int
    label: str
    answers: int
    failed: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None

    @classmethod
    def of(cls, use: PromptUse) -> PromptUsage:
        """From the view."""
        totals = use.totals
        return cls(
            day=use.day,
            version=use.version,
            label=use.label,
            answers=totals.answers,
            failed=totals.failed,
            cached=totals.cached,
            prompt_tokens=totals.prompt_tokens,
            completion_tokens=totals.completion_tokens,
            usd=totals.usd,
            latency_p50_ms=use.latency_p50_ms,
            latency_p95_ms=use.latency_p95_ms,
        )


@strawberry.type
class ObjectiveStanding:
    """An objective now: good of counted answers, what is left of the error budget, and how fast it burns."""

    level: str
    counted: int
    good: int
    share: float | None
    budget_left: float | None
    told: str
    burns: JSON
    shifts: JSON

    @classmethod
    def of(cls, status: ObjectiveStatus) -> ObjectiveStanding:
        """From the report."""
        return cls(
            level=status.level,
            counted=status.counted,
            good=status.good,
            share=status.share,
            budget_left=status.budget_left,
            told=status.told,
            burns=cast(JSON, to_json(status.burns)),
            shifts=cast(JSON, to_json(status.shifts)),
        )


@strawberry.type
class Objective:
    """What is wanted of a prompt's answers under a label, and the level that was recorded last."""

    name: str
    prompt: str
    label: str
    indicator: str
    target: float | None
    threshold: float | None
    window_days: int
    level: str
    changed_at: datetime

    @classmethod
    def of(cls, view: ObjectiveView) -> Objective:
        """From the view."""
        spec = view.spec
        return cls(
            name=view.name,
            prompt=spec.prompt,
            label=spec.label,
            indicator=spec.indicator,
            target=spec.target,
            threshold=spec.threshold,
            window_days=spec.window_days,
            level=view.level,
            changed_at=view.changed_at,
        )


@strawberry.type
class Style:
    """How texts of a style are written."""

    name: str
    language: str
    samples: int
    habits: JSON
    put_at: datetime

    @classmethod
    def of(cls, view: StyleView) -> Style:
        """From the view."""
        return cls(
            name=view.name,
            language=view.language,
            samples=view.samples,
            habits=cast(JSON, dict(view.habits)),
            put_at=view.put_at,
        )


@strawberry.type
class AnnotationProgress:
    """How far a queue is, and whether those who judge agree (Krippendorff's alpha)."""

    name: str
    rubric: str
    items: int
    done: int
    passed: int
    agreement: float | None


@strawberry.type
class QualityQuery:
    """Questions about quality."""

    @strawberry.field
    async def objectives(
        self, info: Asked, prompt: str | None = None, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Objective]:
        """Objectives by name."""
        found = await info.context.ask(ListObjectives(prompt=prompt))
        return paged(found, lambda one: one.name, Objective.of, first, after)

    @strawberry.field
    async def objective(self, info: Asked, name: str) -> ObjectiveStanding:
        """How an objective stands now."""
        return ObjectiveStanding.of((await info.context.ask(GetObjective(objective=name))).status)

    @strawberry.field
    async def styles(self, info: Asked, first: int = DEFAULT_FIRST, after: str | None = None) -> Connection[Style]:
        """Styles by name."""
        return paged(await info.context.ask(ListStyles()), lambda one: one.name, Style.of, first, after)

    @strawberry.field
    async def annotation_queues(self, info: Asked) -> list[str]:
        """Queues of answers that people judge, by name."""
        return [one.name for one in await info.context.ask(ListAnnotationQueues())]

    @strawberry.field
    async def annotation_queue(self, info: Asked, name: str) -> AnnotationProgress:
        """How far a queue is."""
        found: QueueReport = await info.context.ask(GetAnnotationQueue(queue=name))
        return AnnotationProgress(
            name=found.queue.name,
            rubric=found.queue.spec.rubric,
            items=found.items,
            done=found.done,
            passed=found.passed,
            agreement=found.agreement,
        )


@strawberry.input
class MetricInput:
    """A measure, as REST has it."""

    kind: str
    option: str = ""
    model: str | None = None
    threshold: float | None = None


@strawberry.type
class QualityMutation:
    """Changes of what quality is measured by."""

    @strawberry.mutation
    async def run_evaluation(
        self,
        info: Asked,
        name: str,
        dataset: str,
        metrics: list[MetricInput],
        split: str | None = None,
        prompt: str | None = None,
        label: str | None = None,
        version: int | None = None,
        model: str | None = None,
        collection: str | None = None,
        idempotency_key: str | None = None,
    ) -> Command:
        """Ask every item and measure the answers; `commandProgress` follows it."""
        wanted = WantedEvaluation(
            name=name,
            target=Target(prompt, version, model, collection),
            dataset=dataset,
            metrics=tuple(_metric(one) for one in metrics),
            label=label,
            split=cast(Split, one_of(Split, split, "split")) if split else None,
        )
        context = info.context
        try:
            command = await wanted.command(context.services.queries, await context.actor(), context.demand)
        except RyorinError as error:
            raise told(error) from error
        receipt = await context.send(command, (), idempotency_key)
        return Command.of(await context.ask(GetCommand(id=receipt.record.envelope.id)))

    @strawberry.mutation
    async def put_objective(
        self,
        info: Asked,
        name: str,
        prompt: str,
        indicator: str,
        label: str = "production",
        target: float | None = None,
        threshold: float | None = None,
        window_days: int = 30,
        metric: str | None = None,
        option: str = "",
        judge: str | None = None,
        sample: float = 0.1,
        idempotency_key: str | None = None,
    ) -> Written:
        """Want something of a prompt's answers."""
        kind = cast(Indicator, one_of(Indicator, indicator, "indicator"))
        spec = ObjectiveSpec(prompt, label, kind, target, threshold, window_days, metric, option, judge, sample)
        command = PutObjective(objective=name, spec=spec)
        return written(await info.context.send(command, (TRAFFIC_MODEL,), idempotency_key))

    @strawberry.mutation
    async def give_feedback(
        self,
        info: Asked,
        answer: str,
        rating: str,
        correction: str | None = None,
        comment: str = "",
        idempotency_key: str | None = None,
    ) -> Written:
        """Say whether an answer was good, how it should have been, and why."""
        found, said = cast(Rating, one_of(Rating, rating, "rating")), ""
        if correction or comment:
            actor = await info.context.actor()
            try:
                said = await info.context.services.keep_feedback(actor, correction, comment)
            except RyorinError as error:
                raise told(error) from error
        command = GiveFeedback(answer=answer, rating=found, said=said)
        return written(await info.context.send(command, (), idempotency_key))


def _metric(given: MetricInput) -> Metric:
    kind = cast(MetricKind, one_of(MetricKind, given.kind, "metric"))
    return Metric(kind, given.option, given.threshold, given.model)
