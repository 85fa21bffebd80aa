"""Which format a file is, and whether it is safe to open: size, magic bytes, archives, encryption."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath

from ryorin.contexts.knowledge.errors import UnreadableDocument

MEGABYTE = 1024 * 1024
OFFICE = "application/vnd.openxmlformats-officedocument."

MEDIA_TYPES = {
    ".md": "text/markdown",
    ".mdx": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".rst": "text/plain",
    ".log": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".pdf": "application/pdf",
    ".docx": OFFICE + "wordprocessingml.document",
    ".pptx": OFFICE + "presentationml.presentation",
    ".xlsx": OFFICE + "spreadsheetml.sheet",
    ".epub": "application/epub+zip",
}
TEXT_TYPES = frozenset(
    {
        "text/markdown",
        "text/plain",
        "text/csv",
        "text/tab-separated-values",
        "application/json",
        "application/x-ndjson",
    }
)
ARCHIVES = frozenset({MEDIA_TYPES[suffix] for suffix in (".docx", ".pptx", ".xlsx", ".epub")})
_ALIASES = {
    "application/x-jsonlines": "application/x-ndjson",
    "application/jsonl": "application/x-ndjson",
    "text/x-markdown": "text/markdown",
    "application/xhtml+xml": "text/html",
}
# what browsers and curl say when they do not know
_UNTOLD = frozenset({"application/octet-stream", "application/x-www-form-urlencoded", ""})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP archive",
    _OLE: "an old or password-protected Office file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a gzip archive",
}


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """What one file may cost: bytes, unpacked bytes, ratio, entries, memory in bytes, time in seconds."""

    max_bytes: int = 50 * MEGABYTE
    max_unpacked_bytes: int = 400 * MEGABYTE
    max_ratio: float = 200.0
    max_entries: int = 10_000
    max_text_characters: int = 20_000_000
    memory_bytes: int = 2_048 * MEGABYTE
    seconds: float = 60.0


def media_type_of(filename: str, declared: str | None) -> str:
    """The media type by file name, else by declaration; raises UnreadableDocument when neither is known."""
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix in MEDIA_TYPES:
        return MEDIA_TYPES[suffix]
    base = (declared or "").partition(";")[0].strip().lower()
    base = _ALIASES.get(base, base)
    if base in MEDIA_TYPES.values():
        return base
    if base in _UNTOLD and not suffix:
        return "text/plain"
    known = ", ".join(sorted(suffix.lstrip(".") for suffix in MEDIA_TYPES))
    raise UnreadableDocument(f"{filename}: the format {suffix or base!r} is not supported; it must be one of {known}")


def check_content(content: bytes, filename: str, media_type: str, limits: ParserLimits) -> None:
    """Raise UnreadableDocument for what should not even be opened, naming file and reason."""
    if not content:
        raise UnreadableDocument(f"{filename}: the file is empty (0 bytes)")
    if len(content) > limits.max_bytes:
        raise UnreadableDocument(
            f"{filename}: {len(content) / MEGABYTE:.0f} MB are more than the limit of "
            f"{limits.max_bytes / MEGABYTE:.0f} MB; split the file"
        )
    _check_magic(content, filename, media_type)
    if media_type in ARCHIVES:
        _check_archive(content, filename, limits)


def _check_magic(content: bytes, filename: str, media_type: str) -> None:
    kind = next((name for magic, name in _MAGIC.items() if content.startswith(magic)), None)
    if media_type in ARCHIVES:
        if content.startswith(_OLE):
            raise UnreadableDocument(f"{filename}: the file is encrypted; remove its password and try again")
        if not content.startswith(b"PK"):
            raise UnreadableDocument(
                f"{filename}: the content is {kind or 'not'} a {_short(media_type)} file; it is damaged or misnamed"
            )
        return
    if media_type == "application/pdf":
        if b"%PDF-" not in content[:1024]:
            raise UnreadableDocument(f"{filename}: the content is {kind or 'no PDF'}; the file is damaged or misnamed")
        if b"/Encrypt" in content:
            raise UnreadableDocument(f"{filename}: the PDF is encrypted; remove its password and try again")
        return
    if kind is not None:
        raise UnreadableDocument(f"{filename}: the content is {kind}, not {media_type}; give the file its right name")


def _short(media_type: str) -> str:
    return next(suffix.lstrip(".").upper() for suffix, known in MEDIA_TYPES.items() if known == media_type)


def _check_archive(content: bytes, filename: str, limits: ParserLimits) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise UnreadableDocument(f"{filename}: the file is damaged ({error})") from error
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise UnreadableDocument(f"{filename}: the file is encrypted; remove its password and try again")
    if len(entries) > limits.max_entries:
        raise UnreadableDocument(f"{filename}: the archive has {len(entries)} entries; at most {limits.max_entries}")
    if unpacked > limits.max_unpacked_bytes or unpacked > limits.max_ratio * len(content) + MEGABYTE:
        raise UnreadableDocument(
            f"{filename}: the archive unpacks to {unpacked / MEGABYTE:.0f} MB, too much for its size (a zip bomb?)"
        )
    if any(name.startswith("/") or ".." in name.split("/") for name in archive.namelist()):
        raise UnreadableDocument(f"{filename}: the archive names files outside of itself")
