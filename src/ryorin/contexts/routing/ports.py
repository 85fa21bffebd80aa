"""What routing needs from outside: experts and gates by organisation, trained gates, vectors, a memory of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.routing.experts import Example, Expert, ExpertSpec, GateVersion, RoutingDecision
from ryorin.contexts.routing.queries import GatesView
from ryorin.kernel.messages import OrgId


class RoutingRows(Protocol):
    """Rows as the projection writes them; every process is told when the transaction commits."""

    async def put_expert(self, org_id: OrgId, expert: str, spec: ExpertSpec) -> None: ...

    async def remove_expert(self, org_id: OrgId, expert: str) -> None: ...

    async def put_gate(self, org_id: OrgId, trained: GateVersion) -> None: ...

    async def activate_gate(self, org_id: OrgId, version: int) -> None: ...

    async def changed(self, org_id: OrgId) -> None:
        """Tell every process that remembers the organisation's experts."""
        ...


class Routings(Protocol):
    """Experts and gates, remembered until a process is told that they changed."""

    async def experts(self, org_id: OrgId) -> Sequence[Expert]:
        """By name."""
        ...

    async def gates(self, org_id: OrgId) -> GatesView: ...


class Decisions(Protocol):
    """Decisions for a while, so that they can be judged."""

    def remember(self, org_id: OrgId, text: str, decision: RoutingDecision) -> None:
        """Written down a moment later."""
        ...


class RoutingObjects(Protocol):
    """Trained gates and examples by their hash, where every process finds them."""

    async def put(self, org_id: OrgId, content: bytes) -> str:
        """Store bytes; their SHA-256 (hex)."""
        ...

    async def get(self, org_id: OrgId, content_hash: str) -> bytes | None: ...


class QuestionVectors(Protocol):
    """The embedding of questions, around the origin."""

    @property
    def name(self) -> str:
        """Which embedding it is: a gate knows no other."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), each of length 1."""
        ...


class Judgements(Protocol):
    """Decisions that were made, and what people said of them; erasable."""

    async def judge(self, org_id: OrgId, decision: str, expert: str | None) -> bool:
        """Note which expert a question was for; False when there is no such decision."""
        ...

    async def judged(self, org_id: OrgId) -> Sequence[Example]:
        """Questions with what people said of them."""
        ...
