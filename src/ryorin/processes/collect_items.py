"""Stored answers to items of a dataset: what was asked in production, and what a good answer is to those who know."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from ryorin.contexts.evaluation.specs import DatasetItem
from ryorin.contexts.traffic.specs import SampleView


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
