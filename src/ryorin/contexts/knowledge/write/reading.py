"""How a content becomes chunks; what depends on it has `PIPELINE` in its key."""

from __future__ import annotations

from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet
from ryorin.contexts.knowledge.domain.chunking import chunk_document
from ryorin.contexts.knowledge.domain.document import IndexedContent
from ryorin.contexts.knowledge.domain.parsed import ParsedDocument
from ryorin.contexts.knowledge.errors import UnreadableDocument
from ryorin.contexts.knowledge.records import Record
from ryorin.contexts.knowledge.write.ports import DocumentParser

# raise it whenever parsing or chunking would make other chunks of the same file
PIPELINE = "parse-2/chunk-2"


def chunk_set_of(
    parser: DocumentParser, key: str, content: bytes, filename: str, media_type: str | None, title: str | None
) -> ChunkSet:
    """Parse and chunk; slow: callers run it in a thread. Raises UnreadableDocument."""
    parsed = parser.parse(content, filename, media_type)
    return _chunked(parsed, key, filename, title or parsed.title or _stem(filename))


def chunk_set_of_record(parser: DocumentParser, key: str, record: Record) -> ChunkSet:
    """Chunk a text that is one already; as slow. Raises UnreadableDocument."""
    parsed = parser.text(record.text, record.media_type)
    return _chunked(parsed, key, record.id, record.title or parsed.title or record.id)


def _chunked(parsed: ParsedDocument, key: str, name: str, title: str) -> ChunkSet:
    chunks = chunk_document(parsed)
    if not chunks:
        raise UnreadableDocument(f"{name}: no text was found in the file")
    return ChunkSet(
        id=key,
        text=parsed.text,
        title=title,
        media_type=parsed.media_type,
        language=parsed.language,
        chunks=tuple(chunks),
    )


def indexed(chunk_set: ChunkSet, content_hash: str, size_bytes: int) -> IndexedContent:
    """What the document's history says of it."""
    return IndexedContent(
        content_hash=content_hash,
        size_bytes=size_bytes,
        media_type=chunk_set.media_type,
        language=chunk_set.language,
        parsed_title=chunk_set.title,
        chunk_set=chunk_set.id,
        chunk_count=len(chunk_set.chunks),
    )


def _stem(filename: str) -> str:
    return filename.rpartition("/")[2].rpartition(".")[0] or filename
