"""Use case: decide who may read a document."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import DocumentChanged, ShareDocument
from ryorin.contexts.knowledge.write.loading import load_existing
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class ShareDocumentHandler(CommandHandler[ShareDocument, None]):
    """Sets the readers."""

    async def decide(self, command: ShareDocument, prepared: None, run: Run, work: UnitOfWork) -> DocumentChanged:
        document = await load_existing(work, run.actor.org_id, command.collection, command.document)
        outcome = document.share(command.readers)
        await work.save(document)
        assert document.current is not None  # share raised otherwise
        return DocumentChanged(command.collection, command.document, outcome, document.current.version)
