"""What can be asked about files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

FILES_MODEL = "files.files"
MAX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class FileView:
    """A file."""

    file: str
    filename: str
    content_hash: str
    size_bytes: int
    purpose: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFile(Query[FileView]):
    """What is known of a file? Raises FileNotFound."""

    name: ClassVar[str] = "files.get_file"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    read_models: ClassVar[tuple[str, ...]] = (FILES_MODEL,)

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFiles(Query[tuple[FileView, ...]]):
    """Which files are there, newest first? `after` is the id that ended the page before."""

    name: ClassVar[str] = "files.list_files"
    # files have no readers of their own: they are for those who put documents
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    read_models: ClassVar[tuple[str, ...]] = (FILES_MODEL,)

    purpose: str | None = None
    after: str | None = None
    limit: int = 100

    def validate(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInput(f"limit is {self.limit}; it must be 1-{MAX_LIMIT}")
