"""Use case: delete a collection with everything in it."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import CollectionChanged, DeleteCollection
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class DeleteCollectionHandler(CommandHandler[DeleteCollection, None]):
    """Ends a collection; the next one of its name starts empty."""

    async def decide(self, command: DeleteCollection, prepared: None, run: Run, work: UnitOfWork) -> CollectionChanged:
        collection = await work.load(Collection(run.actor.org_id, command.collection))
        collection.delete()
        await work.save(collection)
        return CollectionChanged(command.collection, created=False)
