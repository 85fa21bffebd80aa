"""What can be asked of files: one is kept, one is forgotten. Their contents lie in the blob store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

ID = re.compile(r"file-[0-9a-f]{32}")
MAX_NAME_CHARACTERS = 500
MAX_PURPOSE_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class FileChanged(Result):
    """The file's id."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFile(Command):
    """Keep an uploaded content (SHA-256, hex) under an id and a name."""

    name: ClassVar[str] = "files.keep_file"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = FileChanged

    file: str
    filename: str
    content_hash: str
    size_bytes: int
    purpose: str

    def validate(self) -> None:
        if not ID.fullmatch(self.file):
            raise InvalidInput("a file's id is file- and 32 hexadecimal digits")
        if not self.filename.strip() or len(self.filename) > MAX_NAME_CHARACTERS or not self.filename.isprintable():
            raise InvalidInput(f"a file's name must have 1-{MAX_NAME_CHARACTERS} printable characters")
        if not self.purpose or len(self.purpose) > MAX_PURPOSE_CHARACTERS or not self.purpose.isprintable():
            raise InvalidInput(f"a file's purpose must have 1-{MAX_PURPOSE_CHARACTERS} printable characters")
        if self.size_bytes == 0:
            raise InvalidInput(f"file {self.filename!r} is empty (0 bytes)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetFile(Command):
    """Forget a file; documents that were made of it stay."""

    name: ClassVar[str] = "files.forget_file"
    scope: ClassVar[Scope] = Scope.KNOWLEDGE_WRITE
    result_type: ClassVar[type[Result]] = FileChanged

    file: str


COMMANDS: tuple[type[Command], ...] = (KeepFile, ForgetFile)
