"""Use case: ask every item and measure the answers, and go on where it was interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ryorin.contexts.evaluation.commands import EvaluationDone, RunEvaluation
from ryorin.contexts.evaluation.domain.comparison import in_turn, summary
from ryorin.contexts.evaluation.domain.evaluation import Evaluation
from ryorin.contexts.evaluation.domain.stopping import Stopping
from ryorin.contexts.evaluation.errors import DatasetNotFound, EvaluationNotFound, NotComparable
from ryorin.contexts.evaluation.ports import DatasetContents, Evaluations, ItemResults, Subject
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, EvaluationSummary, ItemResult
from ryorin.contexts.evaluation.write.scoring import Scoring, tell
from ryorin.kernel.errors import RyorinError, Unavailable
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import EventStore, Span, Telemetry, UnitOfWork
from ryorin.kernel.together import together

# a provider that fails for a moment is asked again; one that fails for longer ends the attempt, which goes on later
TRIES = 3
PAUSE_SECONDS = 0.5


@dataclass(slots=True)
class _Work:
    """What is left, and how far it is."""

    waiting: list[DatasetItem]
    done: int
    total: int
    stopping: Stopping | None = None
    stopped: str = ""

    def take(self, result: ItemResult) -> None:
        """One more is done; perhaps it is the last one."""
        if self.stopping is not None and not self.stopped:
            self.stopped = self.stopping.take(result)
            if self.stopped:
                self.waiting.clear()


class RunEvaluationHandler(CommandHandler[RunEvaluation, EvaluationSummary]):
    """Keeps each result before the next item begins: a crash costs what was being asked, and nothing else."""

    def __init__(
        self,
        events: EventStore,
        evaluations: Evaluations,
        contents: DatasetContents,
        results: ItemResults,
        subject: Subject,
        scoring: Scoring,
        telemetry: Telemetry,
    ) -> None:
        self._telemetry = telemetry
        self._events = events
        self._evaluations = evaluations
        self._contents = contents
        self._results = results
        self._subject = subject
        self._scoring = scoring

    async def prepare(self, command: RunEvaluation, run: Run) -> EvaluationSummary:
        """Have a result for each item."""
        org_id, name = run.actor.org_id, command.evaluation
        (await glance(self._events, Evaluation(org_id, name))).check(command.spec)
        items = await self._items(command, run)
        done = await self._results.done(org_id, name)
        left = [item for item in items if item.id not in done]
        work = _Work(left[::-1], len(items) - len(left), len(items), await self._stopping(command, run, items))
        if work.stopping is not None:
            for result in await self._results.all(org_id, name):
                work.take(result)
        run.report("evaluating", work.done, work.total)
        async with together() as group:
            for _ in range(command.spec.concurrency):
                group.create_task(self._some(command, run, work))
        wanted = {item.id for item in items}
        found = [one for one in await self._results.all(org_id, name) if one.item in wanted]
        summed = await asyncio.to_thread(summary, command.spec.metrics, found)
        return replace(summed, planned=len(items), stopped=work.stopped)

    async def _stopping(self, command: RunEvaluation, run: Run, items: Sequence[DatasetItem]) -> Stopping | None:
        rule, spec, org_id = command.spec.stop, command.spec, run.actor.org_id
        if rule is None:
            return None
        other = await self._evaluations.evaluation(org_id, rule.against)
        if other is None or other.summary is None:
            raise EvaluationNotFound(f"there is no evaluation {rule.against!r} that has ended")
        theirs = other.spec.dataset, other.spec.dataset_version, other.spec.split
        if theirs != (spec.dataset, spec.dataset_version, spec.split):
            raise NotComparable(f"{rule.against!r} is of other items than this evaluation")
        return Stopping(rule, items, await self._results.all(org_id, rule.against))

    async def _items(self, command: RunEvaluation, run: Run) -> Sequence[DatasetItem]:
        spec = command.spec
        dataset = await self._evaluations.dataset(run.actor.org_id, spec.dataset, spec.dataset_version)
        if dataset is None:
            raise DatasetNotFound(f"there is no version {spec.dataset_version} of a dataset {spec.dataset!r}")
        items = await self._contents.get(run.actor.org_id, dataset.content_hash)
        if items is None:
            raise DatasetNotFound(f"the items of dataset {spec.dataset!r} were erased")
        wanted = [item for item in items if spec.split in (None, item.split)]
        return sorted(wanted, key=lambda item: in_turn(item.cluster, item.id))

    async def _some(self, command: RunEvaluation, run: Run, work: _Work) -> None:
        while work.waiting:
            item = work.waiting.pop()
            described = {"ryorin.evaluation": command.evaluation, "ryorin.evaluation.item": item.id}
            with self._telemetry.span("evaluation.item", described) as span:
                result = await self._result(command, run, item)
                _tell(span, result)
            await self._results.save(run.actor.org_id, command.evaluation, result)
            work.done += 1
            work.take(result)
            run.report("evaluating", work.done, work.total)

    async def _result(self, command: RunEvaluation, run: Run, item: DatasetItem) -> ItemResult:
        try:
            answered = await self._answered(command, run, item)
        except Unavailable:
            raise
        except RyorinError as error:
            return ItemResult(item.id, item.cluster, None, {}, error.code)
        scores = {
            metric.name: await self._scoring.score(metric, item, answered, run.actor) for metric in command.spec.metrics
        }
        return ItemResult(item.id, item.cluster, answered, scores)

    async def _answered(self, command: RunEvaluation, run: Run, item: DatasetItem) -> Answered:
        for again in range(1, TRIES):
            try:
                return await self._subject.answer(run.actor, command.spec.target, item)
            except Unavailable:
                await asyncio.sleep(PAUSE_SECONDS * 2**again)
        return await self._subject.answer(run.actor, command.spec.target, item)

    async def decide(
        self, command: RunEvaluation, prepared: EvaluationSummary, run: Run, work: UnitOfWork
    ) -> EvaluationDone:
        """Record the summary."""
        evaluation = await work.load(Evaluation(run.actor.org_id, command.evaluation))
        evaluation.finish(command.spec, prepared, command.note, run.actor.principal_id)
        await work.save(evaluation)
        return EvaluationDone(command.evaluation, prepared)

    async def on_failure(self, command: RunEvaluation, error: RyorinError, run: Run, work: UnitOfWork) -> None:
        """Say that it was given up; what was measured is kept, and the same evaluation can go on."""
        evaluation = await work.load(Evaluation(run.actor.org_id, command.evaluation))
        evaluation.fail(command.spec, error.code, error.detail, command.note, run.actor.principal_id)
        await work.save(evaluation)


def _tell(span: Span, result: ItemResult) -> None:
    """Each score as OpenTelemetry's event for it (semantic conventions for generative AI): no text of an answer."""
    if result.error is not None:
        span.failed(result.error)
    for name, score in result.scores.items():
        tell(span, name, score)
