"""Prompts that say nearly the same, by the vectors of what their newest versions say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.prompts.queries import (
    GetPrompt,
    ListPrompts,
    ListVersionsOf,
    SimilarPrompt,
    SimilarPrompts,
)
from ryorin.contexts.prompts.versions import VersionView
from ryorin.kernel.bounded import Remembered
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.messages import Actor
from ryorin.processes.semantic_hits import Embed

BATCH = 32
REMEMBERED = 10_000
# the engine reads no more of a text than about this
MAX_CHARACTERS = 2000


class SimilarPromptsProcess:
    """Handler of `SimilarPrompts`; vectors are remembered by what was said."""

    def __init__(self, bus: Callable[[], QueryBus], embed: Embed) -> None:
        self._bus = bus
        self._embed = embed
        self._vectors: Remembered[bytes, NDArray[np.float32]] = Remembered(REMEMBERED)

    async def __call__(self, query: SimilarPrompts, actor: Actor) -> tuple[SimilarPrompt, ...]:
        """Compare with every prompt that the actor may read."""
        bus = self._bus()
        wanted: VersionView = await bus.ask(GetPrompt(reference=query.reference), actor)
        names = [view.name for view in await bus.ask(ListPrompts(), actor) if view.name != query.reference.name]
        versions = await bus.ask(ListVersionsOf(prompts=tuple(names)), actor)
        newest = {name: found[0] for name, found in versions.items() if found}
        vectors = await self._of([wanted, *newest.values()])
        likeness = vectors[1:] @ vectors[0]
        ordered = sorted(zip(newest.items(), likeness, strict=True), key=lambda pair: -float(pair[1]))
        return tuple(
            SimilarPrompt(name, view.version.number, round(float(score), 4))
            for (name, view), score in ordered[: query.top_k]
        )

    async def _of(self, views: Sequence[VersionView]) -> NDArray[np.float32]:
        """(views, dimensions), each of length 1."""
        texts = ["\n".join(one.content for one in view.version.messages)[:MAX_CHARACTERS] for view in views]
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        known = {key: vector for key in by_key if (vector := self._vectors.get(key)) is not None}
        new = [key for key in by_key if key not in known]
        for at in range(0, len(new), BATCH):
            batch = new[at : at + BATCH]
            for key, vector in zip(batch, await self._embed([by_key[one] for one in batch], "passage"), strict=True):
                known[key] = vector
                self._vectors.put(key, vector)
        return np.array([known[key] for key in keys], dtype=np.float32)
