"""The documents read model as its projection writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.pool import Connection, rows_of, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.knowledge.events import DocumentVersionFailed, DocumentVersionIndexed
from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline
from ryorin.contexts.knowledge.read.ports import CollectionKey, DocumentKey
from ryorin.kernel.codec import to_json

DDL = """
CREATE TABLE document_collections_g{g} (
    org_id text NOT NULL, collection text NOT NULL, incarnation integer NOT NULL,
    description text NOT NULL, created_at timestamptz NOT NULL,
    pipeline jsonb NOT NULL DEFAULT '{}', index_spec jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (org_id, collection));
CREATE TABLE documents_g{g} (
    org_id text NOT NULL, collection text NOT NULL, document text NOT NULL,
    version integer, content_hash text, size_bytes bigint NOT NULL DEFAULT 0,
    filename text NOT NULL, media_type text NOT NULL DEFAULT '', language text, title text NOT NULL DEFAULT '',
    metadata jsonb NOT NULL DEFAULT '{}', tags text[] NOT NULL DEFAULT '{}', chunks integer NOT NULL DEFAULT 0,
    readers text[] NOT NULL,
    updated_at timestamptz NOT NULL, last_failure text, deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (org_id, collection, document));
CREATE INDEX ON documents_g{g} USING gin (tags);
CREATE TABLE document_versions_g{g} (
    org_id text NOT NULL, collection text NOT NULL, document text NOT NULL, version integer NOT NULL,
    content_hash text NOT NULL, size_bytes bigint NOT NULL, filename text NOT NULL, media_type text NOT NULL,
    chunks integer NOT NULL, chunk_set text NOT NULL, restored_from integer, created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, collection, document, version));
"""
SCHEMA = Schema(DDL, ("document_collections", "documents", "document_versions"))

PUT_COLLECTION = """
INSERT INTO document_collections_g{g} (org_id, collection, incarnation, description, created_at)
VALUES (%s, %s, %s, %s, %s)
"""
PUT_DOCUMENT = """
INSERT INTO documents_g{g} (org_id, collection, document, version, content_hash, size_bytes, filename, media_type,
                            language, title, metadata, tags, chunks, readers, updated_at)
VALUES (%(org_id)s, %(collection)s, %(document)s, %(version)s, %(content_hash)s, %(size_bytes)s, %(filename)s,
        %(media_type)s, %(language)s, %(title)s, %(metadata)s, %(tags)s, %(chunks)s,
        %(readers)s, %(at)s)
ON CONFLICT (org_id, collection, document) DO UPDATE
SET version = excluded.version, content_hash = excluded.content_hash, size_bytes = excluded.size_bytes,
    filename = excluded.filename, media_type = excluded.media_type, language = excluded.language,
    title = excluded.title, metadata = excluded.metadata, tags = excluded.tags, chunks = excluded.chunks,
    readers = excluded.readers,
    updated_at = excluded.updated_at, last_failure = NULL, deleted = false
"""
PUT_VERSION = """
INSERT INTO document_versions_g{g} (org_id, collection, document, version, content_hash, size_bytes, filename,
                                    media_type, chunks, chunk_set, restored_from, created_at)
VALUES (%(org_id)s, %(collection)s, %(document)s, %(version)s, %(content_hash)s, %(size_bytes)s, %(filename)s,
        %(media_type)s, %(chunks)s, %(chunk_set)s, %(restored_from)s, %(at)s)
"""
PUT_FAILURE = """
INSERT INTO documents_g{g} AS d (org_id, collection, document, filename, readers, updated_at, last_failure, deleted)
VALUES (%(org_id)s, %(collection)s, %(document)s, %(filename)s, %(readers)s, %(at)s, %(reason)s, false)
ON CONFLICT (org_id, collection, document) DO UPDATE
SET last_failure = excluded.last_failure, updated_at = excluded.updated_at, deleted = false
"""
CHANGE = "WHERE org_id = %(org_id)s AND collection = %(collection)s AND document = %(document)s"
DESCRIBE = f"""
UPDATE documents_g{{g}} SET title = %(title)s, metadata = %(metadata)s, filename = %(filename)s, updated_at = %(at)s
{CHANGE}
"""
PUT_TAGS = f"UPDATE documents_g{{g}} SET tags = %(tags)s, updated_at = %(at)s {CHANGE}"
PUT_READERS = f"UPDATE documents_g{{g}} SET readers = %(readers)s, updated_at = %(at)s {CHANGE}"
DELETE = f"""
UPDATE documents_g{{g}} SET version = NULL, content_hash = NULL, chunks = 0, deleted = true, updated_at = %(at)s
{CHANGE}
"""


class PostgresDocumentRows:
    """The `DocumentRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, parameters: Sequence[object] | Mapping[str, object]) -> int:
        return await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def put_collection(self, key: CollectionKey, incarnation: int, description: str, at: datetime) -> None:
        """Make a collection known."""
        await self._run(PUT_COLLECTION, (key.org_id, key.collection, incarnation, description, at))

    async def drop_collection(self, key: CollectionKey) -> None:
        """Forget a collection and all its documents."""
        for table in ("documents", "document_versions", "document_collections"):
            statement = f"DELETE FROM {table}_g{{g}} WHERE org_id = %s AND collection = %s"
            await self._run(statement, (key.org_id, key.collection))

    async def describe_collection(self, key: CollectionKey, description: str) -> None:
        """Show what it is for."""
        statement = "UPDATE document_collections_g{g} SET description = %s WHERE org_id = %s AND collection = %s"
        await self._run(statement, (description, key.org_id, key.collection))

    async def configure(self, key: CollectionKey, pipeline: Pipeline) -> None:
        """Show the stages of searches."""
        statement = "UPDATE document_collections_g{g} SET pipeline = %s WHERE org_id = %s AND collection = %s"
        await self._run(statement, (Jsonb(to_json(pipeline)), key.org_id, key.collection))

    async def move_index(self, key: CollectionKey, spec: IndexSpec) -> None:
        """Show where the vectors are."""
        statement = "UPDATE document_collections_g{g} SET index_spec = %s WHERE org_id = %s AND collection = %s"
        await self._run(statement, (Jsonb(to_json(spec)), key.org_id, key.collection))

    async def incarnation(self, key: CollectionKey) -> int | None:
        """Which incarnation of the collection exists."""
        statement = "SELECT incarnation FROM document_collections_g{g} WHERE org_id = %s AND collection = %s"
        rows = await rows_of(
            self._connection, statement.replace("{g}", str(self._generation)), (key.org_id, key.collection)
        )
        return rows[0]["incarnation"] if rows else None

    async def put_version(self, key: DocumentKey, event: DocumentVersionIndexed, at: datetime) -> None:
        """Add a version and show it as the current one."""
        parameters = {
            **_key(key),
            "version": event.version,
            "content_hash": event.content_hash,
            "size_bytes": event.size_bytes,
            "filename": event.filename,
            "media_type": event.media_type,
            "language": event.language,
            "title": event.title,
            "metadata": Jsonb(dict(event.metadata)),
            "tags": list(event.tags),
            "readers": list(event.readers),
            "chunks": event.chunk_count,
            "chunk_set": event.chunk_set,
            "restored_from": event.restored_from,
            "at": at,
        }
        await self._run(PUT_DOCUMENT, parameters)
        await self._run(PUT_VERSION, parameters)

    async def put_failure(self, key: DocumentKey, event: DocumentVersionFailed, at: datetime) -> None:
        """Show that a content was refused; what was served stays."""
        failure = {"reason": event.reason, "filename": event.filename, "readers": list(event.readers), "at": at}
        await self._run(PUT_FAILURE, {**_key(key), **failure})

    async def describe(
        self, key: DocumentKey, title: str, metadata: Mapping[str, str], filename: str, at: datetime
    ) -> None:
        """Change title, metadata and file name."""
        change = {"title": title, "metadata": Jsonb(dict(metadata)), "filename": filename, "at": at}
        await self._run(DESCRIBE, {**_key(key), **change})

    async def put_tags(self, key: DocumentKey, tags: Sequence[str], at: datetime) -> None:
        """Set the tags."""
        await self._run(PUT_TAGS, {**_key(key), "tags": list(tags), "at": at})

    async def put_readers(self, key: DocumentKey, readers: Sequence[str], at: datetime) -> None:
        """Set who may read it."""
        await self._run(PUT_READERS, {**_key(key), "readers": list(readers), "at": at})

    async def delete(self, key: DocumentKey, at: datetime) -> None:
        """Show the document as gone; its versions stay, to be restored."""
        await self._run(DELETE, {**_key(key), "at": at})

    async def erase(self, key: DocumentKey) -> None:
        """Forget the document with all its versions."""
        for table in ("documents", "document_versions"):
            await self._run(f"DELETE FROM {table}_g{{g}} {CHANGE}", _key(key))


def _key(key: DocumentKey) -> dict[str, object]:
    return {"org_id": key.org_id, "collection": key.collection, "document": key.document}
