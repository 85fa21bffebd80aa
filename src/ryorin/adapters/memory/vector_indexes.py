"""Indexes on their way, in memory: filled as soon as they are begun, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.knowledge.write.ports import NewIndex
from ryorin.kernel.messages import OrgId


class MemoryVectorIndexes:
    """The `VectorIndexes` port; `sets` are chunk sets not embedded yet, `left` is what `enrol` counts, one by one."""

    def __init__(self) -> None:
        self.begun: list[NewIndex] = []
        self.abandoned: list[NewIndex] = []
        self.sets: list[str] = []
        self.left: list[int] = []

    async def begin(self, index: NewIndex) -> None:
        """Make an index known."""
        if index not in self.begun:
            self.begun.append(index)

    async def lacking(self, index: NewIndex, limit: int) -> Sequence[str]:
        """The sets that were put here, once."""
        given, self.sets = self.sets[:limit], self.sets[limit:]
        return given

    async def enrol(self, index: NewIndex) -> int:
        """The next count, 0 after the last."""
        return self.left.pop(0) if self.left else 0

    async def ready(self, index: NewIndex) -> bool:
        """Always."""
        return True

    async def abandon(self, index: NewIndex) -> None:
        """Forget an index."""
        self.abandoned.append(index)

    async def building(self, org_id: OrgId, collection: str) -> frozenset[str]:
        """The embeddings of what was begun and not abandoned."""
        mine = [index for index in self.begun if (index.org_id, index.collection) == (org_id, collection)]
        return frozenset(index.spec.embedding for index in mine if index not in self.abandoned)
