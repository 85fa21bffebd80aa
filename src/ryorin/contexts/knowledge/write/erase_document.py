"""Use case: make all that a document ever held be gone."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import DocumentChanged, EraseDocument
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.domain.document import Document
from ryorin.contexts.knowledge.errors import DocumentNotFound
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class EraseDocumentHandler(CommandHandler[EraseDocument, None]):
    """Decides that a document is gone, in every incarnation of its collection; projections carry it out."""

    async def decide(self, command: EraseDocument, prepared: None, run: Run, work: UnitOfWork) -> DocumentChanged:
        org_id = run.actor.org_id
        collection = await work.load(Collection(org_id, command.collection))
        documents = await work.load_all(
            [
                Document(org_id, command.collection, incarnation, command.document)
                for incarnation in range(1, collection.incarnation + 1)
            ]
        )
        erased = [document for document in documents if document.erase(run.record.sequence)]
        if not erased:
            raise DocumentNotFound(f"there is nothing of a document {command.document!r} in {command.collection!r}")
        await work.save_all(erased)
        return DocumentChanged(command.collection, command.document, "erased", version=None)
