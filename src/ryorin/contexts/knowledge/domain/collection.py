"""The collection aggregate: exists or not, how often its name was created, how it is searched and where it is kept."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.knowledge.errors import CollectionNotFound
from ryorin.contexts.knowledge.events import (
    CollectionConfigured,
    CollectionCreated,
    CollectionDeleted,
    CollectionDescribed,
    IndexMoved,
)
from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline
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
        self.description = ""
        self.pipeline = Pipeline()
        self.spec = IndexSpec()

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

    def describe(self, description: str) -> bool:
        """Say what it is for; False when that is said already. Raises CollectionNotFound."""
        self.require()
        if description == self.description:
            return False
        self.record(CollectionDescribed(self.name, description))
        return True

    def configure(self, pipeline: Pipeline) -> bool:
        """Set the stages of searches; False when they are so already. Raises CollectionNotFound."""
        self.require()
        if pipeline == self.pipeline:
            return False
        self.record(CollectionConfigured(self.name, pipeline))
        return True

    def move(self, index_id: str | None, spec: IndexSpec, model_id: str, dimensions: int) -> None:
        """Serve from another index; raises CollectionNotFound."""
        self.require()
        self.record(IndexMoved(self.name, index_id, spec, model_id, dimensions))

    def require(self) -> None:
        """Raise CollectionNotFound unless the collection exists."""
        if not self.exists:
            raise CollectionNotFound(f"there is no collection {self.name!r}")

    def apply(self, event: Event) -> None:
        match event:
            case CollectionCreated():
                self.exists = True
                self.incarnation = event.incarnation
                self.description = event.description
                self.pipeline, self.spec = Pipeline(), IndexSpec()
            case CollectionDeleted():
                self.exists = False
            case CollectionDescribed():
                self.description = event.description
            case CollectionConfigured():
                self.pipeline = event.pipeline
            case IndexMoved():
                self.spec = event.spec
