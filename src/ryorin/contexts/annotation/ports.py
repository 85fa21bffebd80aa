"""What annotation needs from outside: queues' rows, and answers with what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ryorin.contexts.annotation.events import AnnotationQueuePut
from ryorin.contexts.annotation.queries import QueueView
from ryorin.contexts.annotation.specs import Annotation, AnnotationItem
from ryorin.kernel.messages import Actor, OrgId


class QueueRows(Protocol):
    """Rows as the projection writes them."""

    async def put(self, org_id: OrgId, put: AnnotationQueuePut) -> None: ...

    async def remove(self, org_id: OrgId, queue: str, at: datetime) -> None:
        """With its items and what was found until then."""
        ...


class Annotations(Protocol):
    """Queues, their items and what was found."""

    async def queues(self, org_id: OrgId) -> Sequence[QueueView]:
        """By name."""
        ...

    async def store(self, org_id: OrgId, queue: str, items: Sequence[AnnotationItem]) -> str:
        """Store items that are not there yet; the name of their batch, which is not in the queue yet."""
        ...

    async def queue(self, org_id: OrgId, queue: str, batch: str) -> int:
        """Have a batch judged; how many items that are."""
        ...

    async def next(self, actor: Actor, queue: str, per_item: int) -> AnnotationItem | None:
        """What the actor has not judged and may read, of what too few have judged."""
        ...

    async def comment(self, org_id: OrgId, queue: str, item: str, principal: str, text: str) -> None:
        """Store a comment before the item is judged."""
        ...

    async def annotate(self, org_id: OrgId, queue: str, item: str, principal: str, passed: bool) -> bool:
        """Note a judgement; whether there is such an item."""
        ...

    async def page(self, org_id: OrgId, queue: str, offset: int, limit: int) -> Sequence[Annotation]:
        """By item."""
        ...

    async def items(self, org_id: OrgId, queue: str) -> int:
        """How many are in it."""
        ...

    async def verdicts(self, org_id: OrgId, queue: str, evaluation: str | None = None) -> Mapping[str, Sequence[bool]]:
        """Judgements by item; of the answers of one evaluation only."""
        ...
