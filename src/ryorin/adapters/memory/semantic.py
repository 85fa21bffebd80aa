"""Questions, observations and hits of paraphrases in memory, by the same rules as in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.answers.domain.verified import Likeness, Observation
from ryorin.contexts.answers.read.semantic import GivenHits, KnownQuestion, Learned
from ryorin.kernel.messages import OrgId


@dataclass(slots=True)
class _Hit:
    scope: str
    key: str
    likeness: Likeness
    right: bool | None = None


class MemorySemanticStore:
    """The `SemanticStore` port; nothing expires here."""

    def __init__(self) -> None:
        self._questions: dict[tuple[OrgId, str], dict[str, tuple[KnownQuestion, NDArray[np.float32]]]] = defaultdict(
            dict
        )
        self._learned: dict[tuple[OrgId, str], list[Learned]] = defaultdict(list)
        self._hits: dict[tuple[OrgId, str], _Hit] = {}

    async def nearest(self, org_id: OrgId, family: str, vector: NDArray[np.float32]) -> KnownQuestion | None:
        """The nearest question of a family."""
        found = [
            replace(known, cosine=float(known_vector @ vector))
            for known, known_vector in self._questions[org_id, family].values()
        ]
        return max(found, key=lambda known: known.cosine, default=None)

    async def keep(
        self, org_id: OrgId, family: str, known: KnownQuestion, vector: NDArray[np.float32], ttl_seconds: float
    ) -> None:
        """Keep a question beside its answer."""
        self._questions[org_id, family][known.key] = known, vector

    async def learned(self, org_id: OrgId, scope: str, after: int) -> Sequence[Learned]:
        """Observations after a number."""
        return [one for one in self._learned[org_id, scope] if one.number > after]

    async def observe(self, org_id: OrgId, scope: str, key: str, observation: Observation) -> None:
        """Keep an observation."""
        found = self._learned[org_id, scope]
        found.append(Learned(len(found) + 1, key, observation))

    async def given(self, org_id: OrgId, scope: str, key: str, hit: str, likeness: Likeness) -> None:
        """Note a hit."""
        self._hits[org_id, hit] = _Hit(scope, key, likeness)

    async def judge(self, org_id: OrgId, hit: str, right: bool) -> bool:
        """Take a judgement."""
        found = self._hits.get((org_id, hit))
        if found is None:
            return False
        if found.right is not right:
            found.right = right
            await self.observe(org_id, found.scope, found.key, Observation(found.likeness, right, uniform=False))
        return True

    async def hits(self, org_id: OrgId) -> Sequence[GivenHits]:
        """All hits by scope."""
        by_scope: dict[str, list[_Hit]] = defaultdict(list)
        for (org, _), hit in self._hits.items():
            if org == org_id:
                by_scope[hit.scope].append(hit)
        return [
            GivenHits(
                scope,
                len(found),
                sum(hit.right is not None for hit in found),
                sum(hit.right is False for hit in found),
            )
            for scope, found in by_scope.items()
        ]

    async def scopes(self, org_id: OrgId) -> Sequence[str]:
        """Scopes with observations."""
        return sorted(scope for org, scope in self._learned if org == org_id)
