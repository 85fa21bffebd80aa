"""Use case: decide how a collection is searched."""

from __future__ import annotations

from collections.abc import Collection as Names

from ryorin.contexts.knowledge.commands import CollectionConfigurationChanged, ConfigureCollection
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class ConfigureCollectionHandler(CommandHandler[ConfigureCollection, None]):
    """Sets the stages; refuses a reranker that there is not."""

    def __init__(self, rerankers: Names[str]) -> None:
        self._rerankers = rerankers

    async def decide(
        self, command: ConfigureCollection, prepared: None, run: Run, work: UnitOfWork
    ) -> CollectionConfigurationChanged:
        chosen = command.pipeline.rerank.by
        if chosen is not None and chosen not in self._rerankers:
            raise InvalidInput(f"there is no reranker {chosen!r}; there are {', '.join(sorted(self._rerankers))}")
        collection = await work.load(Collection(run.actor.org_id, command.collection))
        changed = collection.configure(command.pipeline)
        await work.save(collection)
        return CollectionConfigurationChanged(command.collection, "changed" if changed else "unchanged")
