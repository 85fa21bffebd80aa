"""What happened to files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class FileKept(Event):
    """A file is there."""

    type: ClassVar[str] = "files.file_kept"

    file: str
    filename: str
    content_hash: str
    size_bytes: int
    purpose: str


@dataclass(frozen=True, slots=True)
class FileForgotten(Event):
    """A file is gone."""

    type: ClassVar[str] = "files.file_forgotten"

    file: str


EVENTS: tuple[type[Event], ...] = (FileKept, FileForgotten)
