"""Questions to the documents read model."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.pool import Pool, Row
from ryorin.adapters.postgres.readers import reader_array
from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline
from ryorin.contexts.knowledge.queries import SearchFilter
from ryorin.contexts.knowledge.read.ports import CollectionKey, DocumentKey
from ryorin.contexts.knowledge.views import CollectionView, DocumentText, DocumentView, Page, TagCount, VersionView
from ryorin.kernel.codec import from_json
from ryorin.kernel.messages import OrgId, Readers

COLLECTIONS = """
SELECT c.collection, c.description, c.created_at, c.pipeline, c.index_spec,
       count(d.document) FILTER (WHERE NOT d.deleted AND d.version IS NOT NULL) AS documents,
       COALESCE(sum(d.chunks), 0)::bigint AS chunks
FROM document_collections c LEFT JOIN documents d
    ON d.org_id = c.org_id AND d.collection = c.collection AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
WHERE c.org_id = %(org_id)s AND (%(collection)s::text IS NULL OR c.collection = %(collection)s)
GROUP BY c.org_id, c.collection, c.description, c.created_at, c.pipeline, c.index_spec ORDER BY c.collection
"""
DOCUMENT_COLUMNS = """collection, document, version, content_hash, size_bytes, filename, media_type, language,
    title, metadata, tags, chunks, updated_at, readers, last_failure"""
PAGE = f"""
SELECT {DOCUMENT_COLUMNS} FROM documents d
WHERE org_id = %(org_id)s AND collection = %(collection)s AND NOT deleted
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
  AND (%(after)s::text IS NULL OR document > %(after)s)
  AND (%(tags)s::text[] IS NULL OR tags @> %(tags)s)
  AND (%(metadata)s::jsonb IS NULL OR metadata @> %(metadata)s)
  AND (%(documents)s::text[] IS NULL OR document = ANY(%(documents)s))
ORDER BY document LIMIT %(limit)s
"""
DOCUMENT = f"""
SELECT {DOCUMENT_COLUMNS} FROM documents d
WHERE org_id = %(org_id)s AND collection = %(collection)s AND document = %(document)s AND NOT deleted
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
"""
VERSIONS = """
SELECT v.version, v.content_hash, v.size_bytes, v.filename, v.media_type, v.chunks, v.restored_from, v.created_at,
       COALESCE(d.version = v.version, false) AS current
FROM document_versions v JOIN documents d USING (org_id, collection, document)
WHERE v.org_id = %(org_id)s AND v.collection = %(collection)s AND v.document = %(document)s
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
ORDER BY v.version DESC
"""
TEXT = """
SELECT v.document, v.version, s.text
FROM document_versions v
JOIN documents d ON (d.org_id, d.collection, d.document) = (v.org_id, v.collection, v.document)
JOIN chunk_sets s ON s.org_id = v.org_id AND s.id = v.chunk_set
WHERE v.org_id = %(org_id)s AND v.collection = %(collection)s AND v.document = %(document)s
  AND v.version = COALESCE(%(version)s::int, d.version)
  AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
"""
TAGS = """
SELECT tag, count(*) AS documents FROM documents d, unnest(tags) AS tag
WHERE org_id = %(org_id)s AND collection = %(collection)s AND NOT deleted AND version IS NOT NULL
  AND starts_with(tag, %(prefix)s) AND (%(readers)s::text[] IS NULL OR d.readers && %(readers)s)
GROUP BY tag ORDER BY count(*) DESC, tag
"""


class PostgresDocumentReadModel:
    """The `DocumentReadModel` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def collections(self, org_id: OrgId, readers: Readers) -> tuple[CollectionView, ...]:
        """All collections of an organisation."""
        rows = await self._pool.fetch(
            COLLECTIONS, {"org_id": org_id, "collection": None, "readers": reader_array(readers)}, anew=True
        )
        return tuple(_collection(row) for row in rows)

    async def collection(self, key: CollectionKey) -> CollectionView | None:
        """One collection."""
        parameters = _place(key)
        row = await self._pool.fetch_one(COLLECTIONS, parameters, anew=True)
        return _collection(row) if row else None

    async def page(self, key: CollectionKey, which: SearchFilter, after: str | None, limit: int) -> Page:
        """Documents after an id, in order of their ids."""
        parameters = {
            **_place(key),
            "after": after,
            "tags": list(which.tags) or None,
            "metadata": Jsonb(dict(which.metadata)) if which.metadata else None,
            "documents": list(which.documents) or None,
            "limit": limit + 1,
        }
        rows = await self._pool.fetch(PAGE, parameters, anew=True)
        documents = tuple(_document(row) for row in rows[:limit])
        return Page(documents, documents[-1].document if len(rows) > limit else None)

    async def document(self, key: DocumentKey) -> DocumentView | None:
        """One document."""
        row = await self._pool.fetch_one(DOCUMENT, _place(key), anew=True)
        return _document(row) if row else None

    async def versions(self, key: DocumentKey) -> tuple[VersionView, ...]:
        """The versions of a document, newest first."""
        rows = await self._pool.fetch(VERSIONS, _place(key), anew=True)
        return tuple(VersionView(**row) for row in rows)

    async def text(self, key: DocumentKey, version: int | None) -> DocumentText | None:
        """The text of a version."""
        row = await self._pool.fetch_one(TEXT, {**_place(key), "version": version}, anew=True)
        return DocumentText(**row) if row else None

    async def tags(self, key: CollectionKey, prefix: str) -> tuple[TagCount, ...]:
        """Tags with a prefix, the most used first."""
        rows = await self._pool.fetch(TAGS, {**_place(key), "prefix": prefix}, anew=True)
        return tuple(TagCount(**row) for row in rows)


def _document(row: Row) -> DocumentView:
    return DocumentView(**{**row, "tags": tuple(row["tags"]), "readers": tuple(row["readers"])})


def _place(key: CollectionKey | DocumentKey) -> dict[str, object]:
    named = {"document": key.document} if isinstance(key, DocumentKey) else {}
    return {"org_id": key.org_id, "collection": key.collection, **named, "readers": reader_array(key.readers)}


def _collection(row: Row) -> CollectionView:
    return CollectionView(
        collection=row["collection"],
        description=row["description"],
        documents=row["documents"],
        chunks=row["chunks"],
        created_at=row["created_at"],
        pipeline=from_json(Pipeline, row["pipeline"]),
        index=from_json(IndexSpec, row["index_spec"]),
    )
