"""Loads knowledge's aggregates: the one place that knows which stream is whose."""

from __future__ import annotations

from typing import TypeVar

from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.domain.document import Document
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import EventStore, UnitOfWork

A = TypeVar("A", bound=Aggregate)


async def load_existing(work: UnitOfWork, org_id: OrgId, collection: str, document: str) -> Document:
    """A document of an existing collection, inside a transaction; raises CollectionNotFound."""
    owner = await work.load(Collection(org_id, collection))
    owner.require()
    return await work.load(Document(org_id, collection, owner.incarnation, document))


async def glance(events: EventStore, aggregate: A) -> A:
    """An aggregate as it is now, outside any transaction; decisions on it must be made again inside one."""
    for recorded in await events.read_stream(aggregate.stream):
        aggregate.replay(recorded.event)
    return aggregate
