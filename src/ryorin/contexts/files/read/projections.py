"""Events to rows of files."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.files.events import FileForgotten, FileKept
from ryorin.contexts.files.queries import FILES_MODEL
from ryorin.contexts.files.read.ports import FileRows
from ryorin.kernel.events import RecordedEvent


class FilesProjection:
    """Feeds the files read model."""

    name = FILES_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: FileRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            match recorded.event:
                case FileKept() as event:
                    await rows.put(recorded.stream.org_id, event, recorded.recorded_at)
                case FileForgotten() as event:
                    await rows.remove(recorded.stream.org_id, event.file)
