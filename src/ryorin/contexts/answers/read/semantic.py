"""What deciding about paraphrases needs from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.answers.domain.verified import Evidence, Likeness, Observation, upper_bound
from ryorin.contexts.answers.semantic import GetSemanticReport, SemanticReport
from ryorin.kernel.messages import Actor, OrgId


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A question with a cached answer; `passages` name its context, `cosine` is that of the one it was found for."""

    key: str
    question: str
    passages: tuple[str, ...]
    cosine: float = 1.0


@dataclass(frozen=True, slots=True)
class Learned:
    """An observation of one cached answer; `number` grows."""

    number: int
    key: str
    observation: Observation


@dataclass(frozen=True, slots=True)
class GivenHits:
    """Hits of one scope, and what people said of them."""

    scope: str
    hits: int
    judged: int
    judged_wrong: int


class SemanticStore(Protocol):
    """Questions, observations and hits, shared by all processes."""

    async def nearest(self, org_id: OrgId, family: str, vector: NDArray[np.float32]) -> KnownQuestion | None:
        """The nearest question of a family whose answer has not expired."""
        ...

    async def keep(
        self, org_id: OrgId, family: str, known: KnownQuestion, vector: NDArray[np.float32], ttl_seconds: float
    ) -> None: ...

    async def learned(self, org_id: OrgId, scope: str, after: int) -> Sequence[Learned]:
        """Observations of a scope after a number, the newest ten thousand at most."""
        ...

    async def observe(self, org_id: OrgId, scope: str, key: str, observation: Observation) -> None: ...

    async def given(self, org_id: OrgId, scope: str, key: str, hit: str, likeness: Likeness) -> None:
        """Note a hit."""
        ...

    async def judge(self, org_id: OrgId, hit: str, right: bool) -> bool:
        """Take a person's judgement; one that is new is an observation too. False: no such hit."""
        ...

    async def hits(self, org_id: OrgId) -> Sequence[GivenHits]:
        """Hits of the last 30 days by scope."""
        ...

    async def scopes(self, org_id: OrgId) -> Sequence[str]:
        """Scopes with observations."""
        ...


class SemanticQueries:
    """Reports; `bound` is the server's."""

    def __init__(self, store: SemanticStore, bound: float) -> None:
        self._store = store
        self._bound = bound

    async def report(self, query: GetSemanticReport, actor: Actor) -> tuple[SemanticReport, ...]:
        hits: Mapping[str, GivenHits] = {one.scope: one for one in await self._store.hits(actor.org_id)}
        return tuple([await self._of(actor.org_id, scope, hits) for scope in await self._store.scopes(actor.org_id)])

    async def _of(self, org_id: OrgId, scope: str, hits: Mapping[str, GivenHits]) -> SemanticReport:
        found = [one.observation for one in await self._store.learned(org_id, scope, 0)]
        evidence = Evidence(self._bound, found)
        evidence.refit()
        given = hits.get(scope, GivenHits(scope, 0, 0, 0))
        return SemanticReport(
            scope,
            evidence.threshold is not None,
            self._bound,
            len(found),
            sum(one.uniform for one in found),
            sum(one.right for one in found),
            given.hits,
            given.judged,
            given.judged_wrong,
            round(upper_bound(given.judged_wrong, given.judged), 4),
        )
