"""The file aggregate."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.files.commands import KeepFile
from ryorin.contexts.files.errors import FileNotFound
from ryorin.contexts.files.events import FileForgotten, FileKept
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import Conflict
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class KeptFile(Aggregate):
    """A content with a name; there once, and gone for good."""

    stream_type: ClassVar[str] = "file"

    def __init__(self, org_id: OrgId, file: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, file))
        self.file = file
        self.there = False

    def keep(self, command: KeepFile) -> None:
        """Bring it into being; raises Conflict for an id that was ever used."""
        if self.version:
            raise Conflict(f"there is a file {self.file!r} already")
        self.record(FileKept(command.file, command.filename, command.content_hash, command.size_bytes, command.purpose))

    def forget(self) -> None:
        """End it; raises FileNotFound."""
        if not self.there:
            raise FileNotFound(f"there is no file {self.file!r}")
        self.record(FileForgotten(self.file))

    def apply(self, event: Event) -> None:
        self.there = isinstance(event, FileKept)
