"""Use case: delete a document."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import DeleteDocument, DocumentChanged
from ryorin.contexts.knowledge.write.loading import load_existing
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class DeleteDocumentHandler(CommandHandler[DeleteDocument, None]):
    """Takes a document out of service."""

    async def decide(self, command: DeleteDocument, prepared: None, run: Run, work: UnitOfWork) -> DocumentChanged:
        document = await load_existing(work, run.actor.org_id, command.collection, command.document)
        document.delete(run.record.sequence)
        await work.save(document)
        return DocumentChanged(command.collection, command.document, "deleted", version=None)
