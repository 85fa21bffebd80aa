"""Metrics that need nothing but the texts. What cannot be said of an item is abstained from, never guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from ryorin.contexts.evaluation.domain.overlap import chrf, normalised, rouge_l, token_f1
from ryorin.contexts.evaluation.specs import DatasetItem, Metric, MetricKind, Score

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
TOLERANCE = 1e-6

Measure = Callable[[str, str, Metric], Score]


def scored(value: float | bool, detail: str = "") -> Score:
    """A score from 0 to 1."""
    return Score("scored", float(value), detail)


def abstained(reason: str) -> Score:
    """Nothing can be said."""
    return Score("abstained", None, reason)


def measured(metric: Metric, item: DatasetItem, text: str) -> Score | None:
    """What a metric says of an answer; None: it is one that needs more than the texts."""
    measure = _MEASURES.get(metric.kind)
    if measure is None:
        return None
    if item.expected is None:
        return abstained("the item says nothing of what is expected")
    return measure(text, item.expected, metric)


def last_number(text: str) -> float | None:
    """The last number in a text, which is where answers to sums stand."""
    found = NUMBER.findall(unicodedata.normalize("NFKC", text))
    return float(found[-1].replace(",", "")) if found else None


def _numeric(text: str, expected: str, metric: Metric) -> Score:
    wanted = last_number(expected)
    if wanted is None:
        return abstained("what is expected has no number")
    found = last_number(text)
    if found is None:
        return scored(0.0, "no number")
    tolerance = float(metric.option) if metric.option else TOLERANCE
    return scored(abs(found - wanted) <= tolerance * max(1.0, abs(wanted)), f"{found:g}")


def _of(measure: Callable[[str, str], float]) -> Measure:
    return lambda text, expected, _: scored(measure(text, expected))


_MEASURES: Mapping[MetricKind, Measure] = {
    "exact": _of(lambda text, expected: text.strip() == expected.strip()),
    "normalised": _of(lambda text, expected: normalised(text) == normalised(expected)),
    "contains": _of(lambda text, expected: normalised(expected) in normalised(text)),
    "numeric": _numeric,
    "token_f1": _of(token_f1),
    "rouge_l": _of(rouge_l),
    "chrf": _of(chrf),
}
