"""Use case: make an older version of a document current again."""

from __future__ import annotations

from ryorin.contexts.knowledge.commands import DocumentChanged, RestoreDocument
from ryorin.contexts.knowledge.write.loading import load_existing
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class RestoreDocumentHandler(CommandHandler[RestoreDocument, None]):
    """Restores a version from its stored chunks and vectors; nothing is parsed or embedded."""

    async def decide(self, command: RestoreDocument, prepared: None, run: Run, work: UnitOfWork) -> DocumentChanged:
        document = await load_existing(work, run.actor.org_id, command.collection, command.document)
        outcome = document.restore(command.version, run.record.sequence)
        await work.save(document)
        assert document.current is not None  # restore made one current or raised
        current = document.current
        return DocumentChanged(command.collection, command.document, outcome, current.version, current.chunk_count)
