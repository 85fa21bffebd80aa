"""Ragas's metrics (Apache-2.0), 0.4: those of `ragas.metrics.collections`."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics import collections

from ryorin.adapters.foreign_metrics.bridge import Ask, Asked, Found, Missing, Vectors, known

FIELDS = ("user_input", "response", "reference", "retrieved_contexts")
TRIES = 3
FORM = "\n\nReply with one JSON object that fits this schema, and with nothing else:\n"


class ServedModel(InstructorBaseRagasLLM):  # type: ignore[misc]  # the library is not there when types are checked
    """A model that Ryorin serves, which is asked for JSON and asked again when it says something else."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def generate(self, prompt: str, response_model: Any) -> Any:
        """An instance of the model class that Ragas wants; raises ValueError after three tries."""
        asked = prompt + FORM + json.dumps(response_model.model_json_schema(), ensure_ascii=False)
        for again in range(TRIES):
            said = self._ask(asked if not again else f"{asked}\n\n(Try {again + 1}: JSON only.)")
            try:
                return response_model.model_validate_json(said[said.index("{") : said.rindex("}") + 1])
            except ValueError as error:
                failure = error
        raise ValueError(f"the judge gave no {response_model.__name__}: {failure}"[:300])

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        """The same, without holding up what Ragas does beside it."""
        return await asyncio.to_thread(self.generate, prompt, response_model)


class ServedVectors(BaseRagasEmbedding):  # type: ignore[misc]
    """The server's own embedding."""

    def __init__(self, vectors: Vectors) -> None:
        super().__init__()
        self._vectors = vectors

    def embed_text(self, text: str, **kwargs: Any) -> list[float]:
        """One vector."""
        return self._vectors([text])[0]

    async def aembed_text(self, text: str, **kwargs: Any) -> list[float]:
        """One vector."""
        return await asyncio.to_thread(self.embed_text, text)


def measured(name: str, asked: Asked, ask: Ask, vectors: Vectors) -> Found:
    """A metric of Ragas on a question, an answer, a reference and contexts. Raises InvalidInput for others, Missing."""
    known(name, _names(), "ragas")
    kind = getattr(collections, name)
    given: dict[str, Any] = {
        "user_input": asked.question,
        "response": asked.answer,
        "reference": asked.expected,
        "retrieved_contexts": list(asked.contexts) or None,
    }
    wanted = [one for one in inspect.signature(kind.ascore).parameters if one in FIELDS]
    for field in wanted:
        if given[field] is None:
            raise Missing(f"{name} needs {field.replace('_', ' ')}, which the item lacks")
    means: dict[str, Any] = {"llm": ServedModel(ask), "embeddings": ServedVectors(vectors)}
    parameters = inspect.signature(kind.__init__).parameters
    metric = kind(**{one: means[one] for one in means if one in parameters})
    found = asyncio.run(metric.ascore(**{field: given[field] for field in wanted}))
    value = found.value
    return Found(float(value) if value is not None else None, str(found.reason or ""))


def _names() -> list[str]:
    """Those that need nothing but what an item has."""
    found = []
    for name in dir(collections):
        kind = getattr(collections, name)
        if not inspect.isclass(kind) or not hasattr(kind, "ascore") or name.startswith(("MultiModal", "DataCompy")):
            continue
        wanted = {one for one in inspect.signature(kind.ascore).parameters if one not in ("self", "kwargs")}
        if wanted <= set(FIELDS) and not wanted.isdisjoint(("response", "retrieved_contexts")):
            found.append(name)
    return found
