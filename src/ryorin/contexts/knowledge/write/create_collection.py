"""Use cases: create a collection, say what it is for."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import CollectionChanged, CreateCollection, DescribeCollection
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class CreateCollectionHandler(CommandHandler[CreateCollection, None]):
    """Creates a collection unless it exists."""

    async def decide(self, command: CreateCollection, prepared: None, run: Run, work: UnitOfWork) -> CollectionChanged:
        collection = await work.load(Collection(run.actor.org_id, command.collection))
        created = collection.create(command.description)
        await work.save(collection)
        return CollectionChanged(command.collection, created)


class DescribeCollectionHandler(CommandHandler[DescribeCollection, None]):
    """Says what a collection is for."""

    async def decide(
        self, command: DescribeCollection, prepared: None, run: Run, work: UnitOfWork
    ) -> CollectionChanged:
        collection = await work.load(Collection(run.actor.org_id, command.collection))
        described = collection.describe(command.description)
        await work.save(collection)
        return CollectionChanged(command.collection, described)
