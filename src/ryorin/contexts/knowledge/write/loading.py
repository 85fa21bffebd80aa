"""Loads knowledge's aggregates: the one place that knows which stream is whose."""

from __future__ import annotations

from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.domain.document import Document
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import UnitOfWork


async def load_existing(work: UnitOfWork, org_id: OrgId, collection: str, document: str) -> Document:
    """A document of an existing collection, inside a transaction; raises CollectionNotFound."""
    owner = await work.load(Collection(org_id, collection))
    owner.require()
    return await work.load(Document(org_id, collection, owner.incarnation, document))
