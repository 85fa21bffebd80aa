"""TruLens's metrics (MIT), 2.16: the feedback functions of its providers of models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import PrivateAttr
from trulens.core.feedback.endpoint import Endpoint
from trulens.feedback.llm_provider import LLMProvider

from ryorin.adapters.foreign_metrics.bridge import Ask, Asked, Found, Missing, Vectors, known

# how often its own pacing lets it ask; the server's limits are what counts
RPM = 1e6
# by the names of what a feedback function takes
QUESTION = ("prompt", "question")
ANSWER = ("response", "statement", "text", "answer")
CONTEXT = ("context", "source")


class ServedProvider(LLMProvider):  # type: ignore[misc]  # the library is not there when types are checked
    """A model that Ryorin serves, as TruLens asks one."""

    _ask: Ask = PrivateAttr()

    def __init__(self, ask: Ask) -> None:
        super().__init__(model_engine="ryorin", endpoint=Endpoint(name="ryorin", rpm=RPM))
        self._ask = ask

    def _create_chat_completion(
        self, prompt: str | None = None, messages: Sequence[Mapping[str, str]] | None = None, **more: Any
    ) -> str:
        said = [prompt] if prompt else [str(message["content"]) for message in messages or ()]
        return self._ask("\n\n".join(said))


def measured(name: str, asked: Asked, ask: Ask, vectors: Vectors) -> Found:
    """A feedback function of TruLens. Raises InvalidInput for those that take something else, Missing."""
    known(name, _names(), "trulens")
    values = {
        **dict.fromkeys(QUESTION, asked.question),
        **dict.fromkeys(ANSWER, asked.answer),
        **dict.fromkeys(CONTEXT, "\n\n".join(asked.contexts)),
    }
    needed = _needed(name)
    if not asked.contexts and not set(needed).isdisjoint(CONTEXT):
        raise Missing(f"{name} needs a context, which the item lacks")
    found = getattr(ServedProvider(ask), name)(**{one: values[one] for one in needed})
    value, reasons = found if isinstance(found, tuple) else (found, {})
    return Found(float(value), " ".join(map(str, (reasons or {}).values())))


def _needed(name: str) -> list[str]:
    parameters = inspect.signature(getattr(LLMProvider, name)).parameters.values()
    return [
        one.name for one in parameters if one.default is inspect.Parameter.empty and one.name not in ("self", "kwargs")
    ]


def _names() -> list[str]:
    """Those that take a question, an answer and a context, or some of these."""
    allowed = {*QUESTION, *ANSWER, *CONTEXT}
    found = []
    for name, function in vars(LLMProvider).items():
        if name.startswith("_") or not inspect.isfunction(function) or name.startswith("generate_"):
            continue
        needed = _needed(name)
        if needed and set(needed) <= allowed:
            found.append(name)
    return found
