"""Answers to items: of datasets, with what a good answer is to those who know, and of queues, to be judged."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence

from ryorin.contexts.annotation.specs import AnnotationItem
from ryorin.contexts.evaluation.queries import (
    MAX_PAGE,
    EvaluationView,
    GetEvaluation,
    ItemsPage,
    ListItems,
    ListResults,
    ResultsPage,
)
from ryorin.contexts.evaluation.specs import DatasetItem, ItemResult
from ryorin.contexts.traffic.specs import SampleView
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import NotFound
from ryorin.kernel.messages import Actor


def items_of(views: Sequence[SampleView]) -> list[DatasetItem]:
    """An item for each answer that something was asked of; questions that are the same are of one source.

    Expected is the newest correction, else the answer itself where somebody found it good and nobody bad.
    """
    items = []
    for view in views:
        sample = view.sample
        if not sample.question.strip() and not sample.variables:
            continue
        items.append(
            DatasetItem(
                id=sample.id,
                input=sample.question,
                variables=sample.variables,
                expected=_expected(view),
                context=sample.contexts,
                source=_source(sample.question, str(sorted(sample.variables.items()))),
                metadata={
                    "answer": sample.answer_id,
                    "prompt": sample.at.prompt,
                    "version": str(sample.at.version),
                    "label": sample.at.label,
                },
            )
        )
    return items


def _expected(view: SampleView) -> str | None:
    corrections = [one.correction for one in view.feedback if one.correction]
    if corrections:
        return corrections[-1]
    ratings = {one.rating for one in view.feedback}
    return view.sample.text if ratings == {"good"} else None


def _source(*parts: str) -> str:
    same = "\x1f".join("".join(unicodedata.normalize("NFKC", part).casefold().split()) for part in parts)
    return hashlib.sha256(same.encode()).hexdigest()[:16]


def annotation_items_of(views: Sequence[SampleView]) -> list[AnnotationItem]:
    """Stored answers to be judged by people: as they were given, without what was said of them."""
    return [
        AnnotationItem(
            id=view.sample.id,
            question=view.sample.asked,
            answer=view.sample.text,
            contexts=view.sample.contexts,
            documents=tuple(f"{view.sample.collection}/{document}" for document in view.sample.documents),
            readers=view.sample.readers,
        )
        for view in views
    ]


async def evaluated_items(
    bus: QueryBus, actor: Actor, evaluation: str, limit: int, demand: Consistency = EVENTUAL
) -> list[AnnotationItem]:
    """So many answers of an evaluation, picked by chance, but the same ones each time. Raises EvaluationNotFound."""
    view: EvaluationView = await bus.ask(GetEvaluation(evaluation=evaluation), actor, demand)
    results: list[ItemResult] = []
    offset: int | None = 0
    while offset is not None:
        ask = ListResults(evaluation=evaluation, offset=offset, limit=MAX_PAGE)
        page: ResultsPage = await bus.ask(ask, actor)
        results += [one for one in page.results if one.answered is not None]
        offset = page.next_offset
    asked = await _asked(bus, actor, view)
    results.sort(key=lambda one: hashlib.sha256(f"{evaluation}\x1f{one.item}".encode()).digest())
    return [_judged_item(evaluation, one, asked.get(one.item)) for one in results[:limit]]


async def _asked(bus: QueryBus, actor: Actor, view: EvaluationView) -> dict[str, DatasetItem]:
    found: dict[str, DatasetItem] = {}
    offset: int | None = 0
    while offset is not None:
        ask = ListItems(dataset=view.spec.dataset, version=view.spec.dataset_version, offset=offset, limit=MAX_PAGE)
        try:
            page: ItemsPage = await bus.ask(ask, actor)
        except NotFound:
            # the dataset is gone: the answers are still there to be judged
            return found
        found |= {item.id: item for item in page.items}
        offset = page.next_offset
    return found


def _judged_item(evaluation: str, result: ItemResult, item: DatasetItem | None) -> AnnotationItem:
    answered = result.answered
    assert answered is not None  # those without are left out
    question = ""
    if item is not None:
        question = item.input or json.dumps(dict(item.variables), ensure_ascii=False)
    return AnnotationItem(
        id=result.item,
        question=question,
        answer=answered.text,
        contexts=answered.contexts,
        expected=item.expected if item else None,
        evaluation=evaluation,
        documents=answered.documents,
    )
