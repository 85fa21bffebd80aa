"""Use case: change the tags of a document."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import DocumentChanged, TagDocument
from ryorin.contexts.knowledge.write.loading import load_existing
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class TagDocumentHandler(CommandHandler[TagDocument, None]):
    """Adds and removes tags."""

    async def decide(self, command: TagDocument, prepared: None, run: Run, work: UnitOfWork) -> DocumentChanged:
        document = await load_existing(work, run.actor.org_id, command.collection, command.document)
        outcome = document.retag(command.add, command.remove)
        await work.save(document)
        assert document.current is not None  # retag raised otherwise
        return DocumentChanged(command.collection, command.document, outcome, document.current.version)
