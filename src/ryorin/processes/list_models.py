"""Which models can answer: the extractive one, the bundled one and those configured."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.answers.queries import ListModels, ModelView
from ryorin.kernel.messages import Actor


class ListModelsProcess:
    """Handler of `ListModels`."""

    def __init__(self, models: Sequence[ModelView]) -> None:
        self._models = tuple(models)

    async def __call__(self, query: ListModels, actor: Actor) -> tuple[ModelView, ...]:
        return self._models
