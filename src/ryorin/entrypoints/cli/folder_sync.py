"""What a folder holds against what a collection holds: which files to put, which documents to delete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# formats that can be read; everything else in a folder is passed over
SUFFIXES = frozenset(
    [
        ".md",
        ".mdx",
        ".markdown",
        ".txt",
        ".text",
        ".rst",
        ".html",
        ".htm",
        ".xhtml",
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".ndjson",
        ".pdf",
        ".docx",
        ".pptx",
        ".xlsx",
        ".epub",
    ]
)
ROOT_METADATA = "ingest_root"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the folder: its id (path below the folder, with slashes), place and SHA-256."""

    document: str
    path: Path
    content_hash: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """A document as the collection has it; `root` is the folder it was ingested from, if any."""

    content_hash: str | None
    root: str | None


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What there is to do."""

    added: tuple[LocalFile, ...]
    changed: tuple[LocalFile, ...]
    unchanged: int
    removed: tuple[str, ...]


def find_files(root: Path) -> list[Path]:
    """Readable files below a folder (or the one file), hidden ones left out, in order."""
    if root.is_file():
        return [root]
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not _hidden(path.relative_to(root)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def read_file(root: Path, path: Path) -> LocalFile:
    """Id and hash of a file."""
    document = path.name if root.is_file() else path.relative_to(root).as_posix()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LocalFile(document, path, digest)


def plan_sync(files: Iterable[LocalFile], indexed: Mapping[str, Indexed], root: str) -> SyncPlan:
    """Compare; only documents that came from this very folder are removed when their file is gone."""
    added, changed, unchanged, seen = [], [], 0, set()
    for file in files:
        seen.add(file.document)
        present = indexed.get(file.document)
        if present is None or present.content_hash is None:
            added.append(file)
        elif present.content_hash != file.content_hash:
            changed.append(file)
        else:
            unchanged += 1
    removed = tuple(
        document
        for document, present in indexed.items()
        if document not in seen and present.root == root and present.content_hash is not None
    )
    return SyncPlan(tuple(added), tuple(changed), unchanged, removed)
