"""The collection aggregate: exists or not, and how often its name was created."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.knowledge.errors import CollectionNotFound
from ryorin.contexts.knowledge.events import CollectionCreated, CollectionDeleted
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Collection(Aggregate):
    """A named set of documents; deleting and creating it again starts a new incarnation."""

    stream_type: ClassVar[str] = "collection"

    def __init__(self, org_id: OrgId, name: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, name))
        self.name = name
        self.incarnation = 0
        self.exists = False

    def create(self, description: str) -> bool:
        """Bring the collection into being; False when it is there already."""
        if self.exists:
            return False
        self.record(CollectionCreated(self.name, self.incarnation + 1, description))
        return True

    def delete(self) -> None:
        """End the collection; raises CollectionNotFound."""
        self.require()
        self.record(CollectionDeleted(self.name))

    def require(self) -> None:
        """Raise CollectionNotFound unless the collection exists."""
        if not self.exists:
            raise CollectionNotFound(f"there is no collection {self.name!r}")

    def apply(self, event: Event) -> None:
        match event:
            case CollectionCreated():
                self.exists = True
                self.incarnation = event.incarnation
            case CollectionDeleted():
                self.exists = False
