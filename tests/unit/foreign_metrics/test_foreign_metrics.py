"""Metrics of DeepEval, Ragas and TruLens with the real libraries, where they are installed, and a judge of ours.

`pip install 'ryorin[deepeval]'` and so on; the three want other versions of what the tests of the rest need, so that
they are tried in an environment of their own: `make test-foreign-metrics`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from ryorin.adapters.foreign_metrics.metrics import ForeignMetrics
from ryorin.contexts.evaluation.domain.comparison import COSTS
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, Metric, MetricKind, Score, check_metrics
from ryorin.kernel.errors import InvalidInput

ITEM = DatasetItem("1", "When does the office open?", expected="At nine.")
GOOD = Answered("The office opens at nine.", ("The office opens at nine on weekdays.",))
NO_CONTEXT = Answered("The office opens at nine.")


class Vectors:
    """Vectors of words."""

    async def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), 97), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                found[row, sum(word.encode()) % 97] += 1
        return found / np.maximum(1e-9, np.linalg.norm(found, axis=1, keepdims=True))


def has(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


needs = {
    name: pytest.mark.skipif(not has(name), reason=f"{name} is not installed: pip install 'ryorin[{name}]'")
    for name in ("deepeval", "ragas", "trulens")
}


def measured(
    kind: MetricKind, name: str, *said: str, answered: Answered = GOOD, item: DatasetItem = ITEM
) -> tuple[Score, list[str]]:
    """A metric's score with a judge who says one thing after the other, the last one again and again."""
    asked: list[str] = []
    left = list(said)

    async def judge(prompt: str) -> str:
        asked.append(prompt)
        return left.pop(0) if len(left) > 1 else left[0]

    async def work() -> Score:
        return await ForeignMetrics(Vectors()).score(kind, name, item, answered, item.input, judge)

    return asyncio.run(work()), asked


@needs["deepeval"]
def test_deepeval() -> None:
    statements = json.dumps({"statements": ["It opens at nine.", "I like tea."]})
    verdicts = json.dumps({"verdicts": [{"verdict": "yes"}, {"verdict": "no", "reason": "tea"}]})
    score, asked = measured("deepeval", "AnswerRelevancyMetric", statements, verdicts, '{"reason": "tea is beside it"}')
    assert score == Score("scored", 0.5, "tea is beside it")
    assert "The office opens at nine." in asked[0]
    score, _ = measured("deepeval", "FaithfulnessMetric", "{}", answered=NO_CONTEXT)
    assert (score.outcome, score.detail) == (
        "abstained",
        "FaithfulnessMetric needs retrieval context, which the item lacks",
    )
    score, _ = measured("deepeval", "AnswerRelevancyMetric", "no JSON at all")
    assert score.outcome == "failed" and "AnswerRelevancyMetric" in score.detail


@needs["ragas"]
def test_ragas() -> None:
    statements = json.dumps({"statements": ["It opens at nine."]})
    verdict = {"statement": "It opens at nine.", "reason": "so it says", "verdict": 1}
    score, asked = measured(
        "ragas", "Faithfulness", "first some words", statements, json.dumps({"statements": [verdict]})
    )
    # what was no JSON is asked for again
    assert score.value == 1.0 and len(asked) == 3 and "JSON only" in asked[1]
    score, _ = measured("ragas", "SemanticSimilarity", "{}")
    assert score.value is not None and 0 < score.value < 1
    score, _ = measured("ragas", "ContextRecall", "{}", item=DatasetItem("1", "When?"))
    assert score.outcome == "abstained" and "reference" in score.detail
    score, _ = measured("ragas", "Faithfulness", "never JSON")
    assert score.outcome == "failed"


@needs["trulens"]
def test_trulens() -> None:
    said = "Criteria: to the point\nSupporting Evidence: it says when\nScore: 3"
    score, asked = measured("trulens", "relevance_with_cot_reasons", said)
    assert score.value == 1.0 and "it says when" in score.detail
    assert "The office opens at nine." in asked[0]
    score, _ = measured("trulens", "context_relevance", said, answered=NO_CONTEXT)
    assert score.outcome == "abstained"


@pytest.mark.parametrize("kind", ["deepeval", "ragas", "trulens"])
def test_what_is_not_there_is_said(kind: MetricKind) -> None:
    with pytest.raises(InvalidInput) as told:
        measured(kind, "Nothing", "{}")
    expected = "has no metric 'Nothing'" if has(kind) else f"pip install 'ryorin[{kind}]'"
    assert expected in told.value.detail


def test_several_of_one_library_have_names_of_their_own() -> None:
    both = (Metric("ragas", "Faithfulness"), Metric("ragas", "NoiseSensitivity"))
    check_metrics(both)
    assert [one.name for one in both] == ["ragas:Faithfulness", "ragas:NoiseSensitivity"]
    assert both[1].name in COSTS and both[0].name not in COSTS
    with pytest.raises(InvalidInput, match="needs `option`"):
        check_metrics((Metric("ragas"),))
