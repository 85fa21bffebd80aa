"""The stored outcome of indexing one content: its text and chunks, ready to be shown to readers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ryorin.contexts.knowledge.domain.chunking import Chunk


@dataclass(frozen=True, slots=True)
class ChunkSet:
    """Chunks of one content made by one pipeline; `id` is derived from all that went in."""

    id: str
    text: str
    title: str
    media_type: str
    language: str | None
    chunks: tuple[Chunk, ...]

    def passages(self) -> tuple[str, ...]:
        """What is embedded for each chunk: the path of headings above it, then its text."""
        return tuple(passage_of(chunk, self.title) for chunk in self.chunks)


def passage_of(chunk: Chunk, title: str) -> str:
    """The text that stands for a chunk in both indexes; a chunk without headings leans on the title."""
    heading = " > ".join(chunk.heading_path) or title
    return f"{heading}\n{chunk.text}" if heading else chunk.text


def text_hash(passage: str) -> str:
    """The key under which a passage's vector is kept (SHA-256, hex)."""
    return hashlib.sha256(passage.encode()).hexdigest()


def chunk_set_id(content_hash: str, filename: str, media_type: str | None, title: str | None, pipeline: str) -> str:
    """The id of a chunk set: equal inputs through an equal pipeline need no work again."""
    suffix = filename.rpartition(".")[2].lower() if "." in filename else ""
    parts = "\x1f".join((content_hash, suffix, media_type or "", title or "", pipeline))
    return hashlib.sha256(parts.encode()).hexdigest()
