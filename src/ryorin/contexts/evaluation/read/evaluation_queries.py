"""Answers what is asked about datasets and evaluations."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from ryorin.contexts.evaluation.domain.comparison import compared
from ryorin.contexts.evaluation.domain.genome import measured
from ryorin.contexts.evaluation.domain.statistics import minimum_detectable_effect
from ryorin.contexts.evaluation.errors import DatasetNotFound, EvaluationNotFound, NotComparable, StyleNotFound
from ryorin.contexts.evaluation.ports import DatasetContents, Evaluations, ItemResults, Tagger
from ryorin.contexts.evaluation.queries import (
    CompareEvaluations,
    Comparison,
    DatasetView,
    EvaluationView,
    Forecast,
    ForecastEvaluation,
    GetDataset,
    GetEvaluation,
    ItemsPage,
    ListDatasets,
    ListEvaluations,
    ListItems,
    ListResults,
    ListStyles,
    MeasureStyle,
    ResultsPage,
    StyleView,
)
from ryorin.contexts.evaluation.specs import DatasetItem, ItemResult, Split, StyleMeasure
from ryorin.kernel.messages import Actor

# where nothing is known yet: one item in five changes between right and wrong
CHANGING = 0.2


class EvaluationQueries:
    """Handlers of the queries on datasets and evaluations."""

    def __init__(
        self, evaluations: Evaluations, contents: DatasetContents, results: ItemResults, tagger: Tagger
    ) -> None:
        self._evaluations = evaluations
        self._contents = contents
        self._results = results
        self._tagger = tagger

    async def datasets(self, query: ListDatasets, actor: Actor) -> tuple[DatasetView, ...]:
        """Handle `ListDatasets`."""
        return tuple(await self._evaluations.datasets(actor.org_id))

    async def dataset(self, query: GetDataset, actor: Actor) -> DatasetView:
        """Handle `GetDataset`."""
        return await self._dataset(query.dataset, query.version, actor)

    async def items(self, query: ListItems, actor: Actor) -> ItemsPage:
        """Handle `ListItems`."""
        found = await self._items(query.dataset, query.version, query.split, actor)
        end = query.offset + query.limit
        return ItemsPage(tuple(found[query.offset : end]), end if end < len(found) else None)

    async def listed(self, query: ListEvaluations, actor: Actor) -> tuple[EvaluationView, ...]:
        """Handle `ListEvaluations`."""
        return tuple(await self._evaluations.evaluations(actor.org_id, query.dataset, query.prompt))

    async def one(self, query: GetEvaluation, actor: Actor) -> EvaluationView:
        """Handle `GetEvaluation`."""
        return await self._evaluation(query.evaluation, actor)

    async def page(self, query: ListResults, actor: Actor) -> ResultsPage:
        """Handle `ListResults`."""
        found = await self._results.page(actor.org_id, query.evaluation, query.offset, query.limit + 1)
        more = len(found) > query.limit
        return ResultsPage(tuple(found[: query.limit]), query.offset + query.limit if more else None)

    async def compare(self, query: CompareEvaluations, actor: Actor) -> Comparison:
        """Handle `CompareEvaluations`."""
        first, second = await self._evaluation(query.first, actor), await self._evaluation(query.second, actor)
        for one in (first, second):
            if one.summary is None:
                raise NotComparable(f"evaluation {one.name!r} has not ended with a result for each item")
        if _of(first) != _of(second):
            raise NotComparable(f"{first.name!r} is of {_said(first)} and {second.name!r} of {_said(second)}")
        both = {metric.name for metric in second.spec.metrics}
        names = [metric.name for metric in first.spec.metrics if metric.name in both]
        before, after = await self._all(first, actor), await self._all(second, actor)
        stopped = any(one.summary is not None and one.summary.stopped for one in (first, second))
        found = await asyncio.to_thread(compared, before, after, names, query.margin, stopped=stopped)
        return Comparison(first.name, second.name, tuple(found))

    async def forecast(self, query: ForecastEvaluation, actor: Actor) -> Forecast:
        """Handle `ForecastEvaluation`."""
        items = len(await self._items(query.dataset, query.version, query.split, actor))
        earlier = [
            one for one in await self._evaluations.evaluations(actor.org_id, query.dataset) if one.summary is not None
        ]
        if not earlier or not items:
            detectable = min(1.0, minimum_detectable_effect(math.sqrt(CHANGING), items))
            return Forecast(items, {"rate": detectable}, None, None, None)
        last = earlier[0]
        assert last.summary is not None  # those without were left out
        share = items / max(1, last.summary.items)
        return Forecast(
            items=items,
            detectable=await self._detectable(earlier[:2], items, actor),
            usd=last.summary.usd * share,
            seconds=(last.summary.latency_p50_ms or 0.0) / 1000 * items / last.spec.concurrency,
            based_on=last.name,
        )

    async def _detectable(self, earlier: Sequence[EvaluationView], items: int, actor: Actor) -> dict[str, float]:
        """By the differences between the last two evaluations; by what is assumed of rates with one only."""
        names = [metric.name for metric in earlier[0].spec.metrics]
        assumed = min(1.0, minimum_detectable_effect(math.sqrt(CHANGING), items))
        if len(earlier) == 1 or _of(earlier[0]) != _of(earlier[1]):
            return dict.fromkeys(names, assumed)
        before, after = await self._all(earlier[1], actor), await self._all(earlier[0], actor)
        found = await asyncio.to_thread(compared, before, after, names)
        scale = {one.metric: one.detectable * math.sqrt(one.items / items) for one in found if one.items > 1}
        return {name: min(1.0, scale.get(name, assumed)) for name in names}

    async def styles(self, query: ListStyles, actor: Actor) -> tuple[StyleView, ...]:
        """Handle `ListStyles`."""
        return tuple(await self._evaluations.styles(actor.org_id))

    async def style(self, query: MeasureStyle, actor: Actor) -> StyleMeasure:
        """Handle `MeasureStyle`."""
        genome = None
        if query.style is not None:
            genome = await self._evaluations.style(actor.org_id, query.style)
            if genome is None:
                raise StyleNotFound(f"there is no style {query.style!r}")
        return await asyncio.to_thread(measured, query.text, self._tagger, genome)

    async def _dataset(self, name: str, version: int | None, actor: Actor) -> DatasetView:
        found = await self._evaluations.dataset(actor.org_id, name, version)
        if found is None:
            which = "" if version is None else f" with a version {version}"
            raise DatasetNotFound(f"there is no dataset {name!r}{which}")
        return found

    async def _items(self, name: str, version: int | None, split: Split | None, actor: Actor) -> Sequence[DatasetItem]:
        dataset = await self._dataset(name, version, actor)
        items = await self._contents.get(actor.org_id, dataset.content_hash)
        if items is None:
            raise DatasetNotFound(f"the items of dataset {name!r} were erased")
        return [item for item in items if split in (None, item.split)]

    async def _evaluation(self, name: str, actor: Actor) -> EvaluationView:
        found = await self._evaluations.evaluation(actor.org_id, name)
        if found is None:
            raise EvaluationNotFound(f"there is no evaluation {name!r} that has ended")
        return found

    async def _all(self, evaluation: EvaluationView, actor: Actor) -> Sequence[ItemResult]:
        return await self._results.all(actor.org_id, evaluation.name)


def _of(view: EvaluationView) -> tuple[str, int, Split | None]:
    return view.spec.dataset, view.spec.dataset_version, view.spec.split


def _said(view: EvaluationView) -> str:
    dataset, version, split = _of(view)
    return f"{dataset}@{version}" + (f" ({split})" if split else "")
