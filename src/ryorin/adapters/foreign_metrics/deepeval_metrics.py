"""DeepEval's metrics (Apache-2.0), 4.3: all of them are better the greater they are."""

from __future__ import annotations

from typing import Any

import deepeval.metrics
from deepeval.models.base_model import DeepEvalBaseLLM
from deepeval.test_case import LLMTestCase

from ryorin.adapters.foreign_metrics.bridge import Ask, Asked, Found, Missing, Vectors, known

# of one question and answer, by a model alone
NAMES = (
    "AnswerRelevancyMetric",
    "BiasMetric",
    "ContextualPrecisionMetric",
    "ContextualRecallMetric",
    "ContextualRelevancyMetric",
    "FaithfulnessMetric",
    "HallucinationMetric",
    "PIILeakageMetric",
    "SummarizationMetric",
    "ToxicityMetric",
)
# what a case may be asked for, by its names there
FIELDS = ("input", "actual_output", "expected_output", "retrieval_context", "context")


class ServedJudge(DeepEvalBaseLLM):  # type: ignore[misc]  # the library is not there when types are checked
    """A model that Ryorin serves, as DeepEval asks one: without schemas, so that it parses what is said itself."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        super().__init__("ryorin")

    def load_model(self, *args: Any, **kwargs: Any) -> ServedJudge:
        """Nothing has to be loaded."""
        return self

    def generate(self, prompt: str) -> str:
        """What the model says."""
        return self._ask(prompt)

    async def a_generate(self, prompt: str) -> str:
        """The same; nobody here asks so."""
        return self._ask(prompt)

    def get_model_name(self, *args: Any, **kwargs: Any) -> str:
        """What reports call it."""
        return "ryorin"


def measured(name: str, asked: Asked, ask: Ask, vectors: Vectors) -> Found:
    """A metric of DeepEval. Raises InvalidInput for others, Missing."""
    known(name, NAMES, "deepeval")
    case = LLMTestCase(
        input=asked.question,
        actual_output=asked.answer,
        expected_output=asked.expected,
        retrieval_context=list(asked.contexts) or None,
        context=list(asked.contexts) or None,
    )
    metric = getattr(deepeval.metrics, name)(model=ServedJudge(ask), async_mode=False)
    for parameter in getattr(metric, "_required_params", ()):
        field = str(getattr(parameter, "value", parameter))
        if field in FIELDS and getattr(case, field) is None:
            raise Missing(f"{name} needs {field.replace('_', ' ')}, which the item lacks")
    metric.measure(case, _show_indicator=False)
    return Found(metric.score, str(metric.reason or ""))
