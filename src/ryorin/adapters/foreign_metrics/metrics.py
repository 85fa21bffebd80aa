"""The `ForeignMetrics` port: a metric of another library by its name there, in a thread of its own.

None of the libraries is installed with Ryorin; each is loaded when its first metric is asked for. All of them are told
not to report home.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Mapping

from ryorin.adapters.foreign_metrics.bridge import Ask, Asked, Found, Missing, Vectors, Waiting
from ryorin.contexts.evaluation.ports import Judge, TextVectors
from ryorin.contexts.evaluation.specs import Answered, DatasetItem, MetricKind, Score
from ryorin.kernel.errors import InvalidInput, RyorinError

# before any of them is loaded
SILENT = {"DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "RAGAS_DO_NOT_TRACK": "true", "TRULENS_OTEL_TRACING": "0"}
# of one metric with all that its judge is asked (seconds)
TIMEOUT_SECONDS = 600.0

Measure = Callable[[str, Asked, Ask, Vectors], Found]


class ForeignMetrics:
    """The `ForeignMetrics` port."""

    def __init__(self, vectors: TextVectors) -> None:
        self._vectors = vectors
        self._measures: Mapping[MetricKind, Callable[[], Measure]] = {
            "deepeval": _deepeval,
            "ragas": _ragas,
            "trulens": _trulens,
        }

    async def score(
        self, kind: MetricKind, name: str, item: DatasetItem, answered: Answered, question: str, judge: Judge
    ) -> Score:
        """What the library's metric says. Raises InvalidInput when library or metric are not there."""
        os.environ.update(SILENT)
        loop = asyncio.get_running_loop()
        waiting = Waiting(loop, TIMEOUT_SECONDS)

        def ask(prompt: str) -> str:
            return waiting.result(judge(prompt))

        def vectors(texts: list[str]) -> list[list[float]]:
            found: list[list[float]] = waiting.result(self._vectors.vectors(texts)).tolist()
            return found

        asked = Asked(question, answered.text, item.expected, answered.contexts)
        try:
            found = await asyncio.to_thread(self._measured, kind, name, asked, ask, vectors)
        except Missing as error:
            return Score("abstained", None, str(error))
        except ImportError as error:
            raise InvalidInput(f"metrics of {kind} need `pip install 'ryorin[{kind}]'` ({error})") from error
        except RyorinError:
            raise
        except Exception as error:  # whatever their code raises is that metric's failure and nobody else's
            return Score("failed", None, f"{kind} {name}: {type(error).__name__}: {error}"[:500])
        if found.value is None or math.isnan(found.value):
            return Score("abstained", None, found.reason or f"{kind} {name} gave no score")
        return Score("scored", found.value, found.reason[:500])

    def _measured(self, kind: MetricKind, name: str, asked: Asked, ask: Ask, vectors: Vectors) -> Found:
        return self._measures[kind]()(name, asked, ask, vectors)


def _deepeval() -> Measure:
    from ryorin.adapters.foreign_metrics import deepeval_metrics  # noqa: PLC0415 - an optional dependency

    return deepeval_metrics.measured


def _ragas() -> Measure:
    from ryorin.adapters.foreign_metrics import ragas_metrics  # noqa: PLC0415 - an optional dependency

    return ragas_metrics.measured


def _trulens() -> Measure:
    from ryorin.adapters.foreign_metrics import trulens_metrics  # noqa: PLC0415 - an optional dependency

    return trulens_metrics.measured
