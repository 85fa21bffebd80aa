"""Erased documents and forgotten files to redactions: the log and the command log tell of them no more (ADR-0026)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ryorin.contexts.files.events import FileForgotten
from ryorin.contexts.knowledge.events import DocumentErased
from ryorin.kernel.events import RecordedEvent

ERASURE_MODEL = "knowledge.erasure"


class Erasures(Protocol):
    """Redactions, inside the projection's transaction."""

    async def redact_document(self, erased: RecordedEvent, event: DocumentErased) -> None:
        """Take what a document held out of its earlier events and out of its commands, and doom its contents.

        Commands on it that were accepted before and have not ended are cancelled.
        """
        ...

    async def redact_file(self, forgotten: RecordedEvent) -> None:
        """Take a file's name out of its earlier events, and doom its content."""
        ...


class ErasureProjection:
    """The one writer that changes events; carrying out an erasure twice changes nothing."""

    name = ERASURE_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: Erasures) -> None:
        """Redact what a batch of events wants gone."""
        for recorded in events:
            match recorded.event:
                case DocumentErased() as event:
                    await rows.redact_document(recorded, event)
                case FileForgotten():
                    await rows.redact_file(recorded)
