"""The search index as a projection writes it: documents, chunks with vectors and terms, term frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.chunk_store import chunk_sets
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, rows_of, run
from ryorin.adapters.postgres.vectors import sparse_literal
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet, text_hash
from ryorin.contexts.knowledge.domain.lexical import chunk_weights
from ryorin.contexts.knowledge.events import DocumentVersionIndexed, IndexMoved
from ryorin.contexts.knowledge.pipeline import Pipeline
from ryorin.contexts.knowledge.read.ports import CollectionKey, DocumentKey
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import Unavailable

UPSERT_DOCUMENT = """
INSERT INTO search_documents_g{g} AS d
    (org_id, collection, document, version, chunks, title, tags, metadata, chunk_set, readers,
     updated_at)
VALUES (%(org_id)s, %(collection)s, %(document)s, %(version)s, %(chunks)s, %(title)s, %(tags)s, %(metadata)s,
        %(chunk_set)s, %(readers)s, %(at)s)
ON CONFLICT (org_id, collection, document) DO UPDATE
SET version = excluded.version, chunks = excluded.chunks, title = excluded.title, tags = excluded.tags,
    metadata = excluded.metadata, chunk_set = excluded.chunk_set, readers = excluded.readers,
    updated_at = excluded.updated_at
RETURNING document_no
"""
# vectors are copied inside the database: they never travel through this process. What a place of its own has to be
# given, and what the shared index lacks, is marked in the same statement
INSERT_CHUNKS = """
WITH fresh AS (
    INSERT INTO search_chunks_g{g} (document_no, org_id, collection, version, ordinal, heading_path, text,
                                    start_byte, end_byte, vector, terms, weights, passage_hash)
    SELECT %(document_no)s, k.org_id, k.collection, %(version)s, fresh.ordinal,
           ARRAY(SELECT jsonb_array_elements_text(fresh.heading_path)), fresh.text, fresh.start_byte, fresh.end_byte,
           e.vector, fresh.terms::integer[], fresh.weights::sparsevec, fresh.hash
    FROM unnest(%(ordinals)s::int[], %(headings)s::jsonb[], %(texts)s::text[], %(starts)s::int[], %(ends)s::int[],
                %(hashes)s::text[], %(terms)s::text[], %(weights)s::text[])
         AS fresh(ordinal, heading_path, text, start_byte, end_byte, hash, terms, weights)
    JOIN search_collections_g{g} k ON k.org_id = %(org_id)s AND k.collection = %(collection)s
    LEFT JOIN embeddings e
        ON k.shared AND e.org_id = %(org_id)s AND e.model_id = %(model_id)s AND e.passage_hash = fresh.hash
    ORDER BY fresh.ordinal
    RETURNING chunk_id, vector IS NULL AS bare)
INSERT INTO search_points_g{g} (index_id, chunk_id)
SELECT i.index_id, f.chunk_id FROM fresh f, search_vector_indexes_g{g} i
WHERE i.org_id = %(org_id)s AND i.collection = %(collection)s AND i.state <> 'retired'
UNION ALL
SELECT 'shared', f.chunk_id FROM fresh f
JOIN search_collections_g{g} k ON k.org_id = %(org_id)s AND k.collection = %(collection)s AND k.shared
WHERE f.bare
"""
SERVING_MODEL = """COALESCE((
    SELECT i.model_id FROM search_collections_g{g} k JOIN search_vector_indexes_g{g} i ON i.index_id = k.index_id
    WHERE k.org_id = %(org_id)s AND k.collection = %(collection)s), %(model_id)s)"""
SET_MEANS = f"""
UPDATE search_documents_g{{g}} d SET mean = (
    SELECT l2_normalize(avg(e.vector)) FROM search_chunks_g{{g}} c
    JOIN embeddings e ON e.org_id = %(org_id)s AND e.model_id = {SERVING_MODEL} AND e.passage_hash = c.passage_hash
    WHERE c.document_no = d.document_no AND c.version = d.version)
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s
  AND (%(document)s::text IS NULL OR d.document = %(document)s)
"""
CONFIGURE = """
UPDATE search_collections_g{g} SET pipeline = %(pipeline)s WHERE org_id = %(org_id)s AND collection = %(collection)s
"""
RETIRE_OTHERS = """
UPDATE search_vector_indexes_g{g} SET state = 'retired', changed_at = now()
WHERE org_id = %(org_id)s AND collection = %(collection)s AND state IN ('active', 'retired')
  AND index_id IS DISTINCT FROM %(index_id)s
"""
# the row is there already when the index was filled before; on a rebuild from the log it is not
ACTIVATE = """
INSERT INTO search_vector_indexes_g{g}
    (index_id, org_id, collection, store, embedding, model_id, dimensions, storage, state)
VALUES (%(index_id)s, %(org_id)s, %(collection)s, %(store)s, %(embedding)s, %(model)s, %(dimensions)s, %(storage)s,
        'active')
ON CONFLICT (index_id) DO UPDATE SET state = 'active', changed_at = now()
"""
SERVE = """
UPDATE search_collections_g{g} SET index_id = %(index_id)s, shared = %(index_id)s::text IS NULL
WHERE org_id = %(org_id)s AND collection = %(collection)s
"""
ENROL = """
INSERT INTO search_points_g{g} (index_id, chunk_id)
SELECT %(index_id)s, c.chunk_id
FROM search_documents_g{g} d JOIN search_chunks_g{g} c ON c.document_no = d.document_no AND c.version = d.version
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s
ON CONFLICT DO NOTHING
"""
ENROL_SHARED = ENROL.replace("ON CONFLICT", "  AND c.vector IS NULL\nON CONFLICT")
GONE = """
WITH gone AS (DELETE FROM search_chunks_g{g} WHERE {which} RETURNING chunk_id)
UPDATE search_points_g{g} p SET state = 'gone' FROM gone WHERE p.chunk_id = gone.chunk_id
"""
# the version before stays one more round: a search that is between its stages still finds its chunks
DROP_OLD = GONE.replace("{which}", "document_no = %s AND version < %s - 1")
COUNT_LIVE = """
UPDATE search_collections_g{g} SET live_chunks = (
    SELECT COALESCE(sum(chunks), 0) FROM search_documents_g{g}
    WHERE org_id = %(org_id)s AND collection = %(collection)s)
WHERE org_id = %(org_id)s AND collection = %(collection)s
RETURNING live_chunks, lexicon_chunks
"""
COUNT_TERMS = """
INSERT INTO search_lexicon_g{g} (org_id, collection, term, frequency)
SELECT %(org_id)s, %(collection)s, term, count(*)
FROM search_chunks_g{g} c JOIN search_documents_g{g} d USING (document_no), unnest(c.terms) AS term
WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND c.version = d.version
GROUP BY term
"""
FORGET_TERMS = "DELETE FROM search_lexicon_g{g} WHERE org_id = %(org_id)s AND collection = %(collection)s"
NEW_EPOCH = """
UPDATE search_collections_g{g} SET lexicon_epoch = lexicon_epoch + 1, lexicon_chunks = live_chunks
WHERE org_id = %(org_id)s AND collection = %(collection)s
RETURNING lexicon_epoch
"""
DELETE_CHUNKS = GONE.replace("{which}", "document_no = %s")
DELETE_DOCUMENT = """
DELETE FROM search_documents_g{g} WHERE org_id = %s AND collection = %s AND document = %s RETURNING document_no
"""
DROP_CHUNKS = GONE.replace(
    "{which}",
    "document_no IN (SELECT document_no FROM search_documents_g{g} WHERE org_id = %s AND collection = %s)",
)
RETIRE_ALL = """
UPDATE search_vector_indexes_g{g} SET state = 'retired', changed_at = now() WHERE org_id = %s AND collection = %s
"""

# a new count of term frequencies when the collection grew or shrank by this much (ADR-0003)
LEXICON_GROWTH = 0.2
LEXICON_MINIMUM = 64


class PostgresSearchRows:
    """The `SearchRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int, model_id: str) -> None:
        self._connection = connection
        self._generation = generation
        self._model_id = model_id

    def _sql(self, statement: str) -> str:
        return statement.replace("{g}", str(self._generation))

    async def _run(self, statement: str, parameters: Sequence[object] | Mapping[str, object]) -> int:
        return await run(self._connection, self._sql(statement), parameters)

    async def put_collection(self, key: CollectionKey, incarnation: int) -> None:
        """Make a collection known, empty."""
        await self._run(
            "INSERT INTO search_collections_g{g} (org_id, collection, incarnation) VALUES (%s, %s, %s)"
            " ON CONFLICT (org_id, collection) DO UPDATE SET incarnation = excluded.incarnation",
            (key.org_id, key.collection, incarnation),
        )

    async def drop_collection(self, key: CollectionKey) -> None:
        """Remove a collection with all its documents and terms."""
        parameters = (key.org_id, key.collection)
        await self._run(DROP_CHUNKS, parameters)
        await self._run(RETIRE_ALL, parameters)
        for table in ("search_documents", "search_lexicon", "search_collections"):
            await self._run(f"DELETE FROM {table}_g{{g}} WHERE org_id = %s AND collection = %s", parameters)

    async def incarnation(self, key: CollectionKey) -> int | None:
        """Which incarnation of the collection exists."""
        rows = await rows_of(
            self._connection,
            self._sql("SELECT incarnation FROM search_collections_g{g} WHERE org_id = %s AND collection = %s"),
            (key.org_id, key.collection),
        )
        return rows[0]["incarnation"] if rows else None

    async def configure(self, key: CollectionKey, pipeline: Pipeline) -> None:
        """Set the stages of searches."""
        await self._run(CONFIGURE, {**_collection(key), "pipeline": Jsonb(to_json(pipeline))})

    async def move_index(self, key: CollectionKey, event: IndexMoved) -> None:
        """Serve from another index, whole from the first query on: what its store lacks is pending."""
        parameters = {
            **_collection(key),
            "index_id": event.index_id,
            "store": event.spec.store,
            "embedding": event.spec.embedding,
            "storage": event.spec.storage,
            "model": event.model_id,
            "dimensions": event.dimensions,
        }
        await self._run(RETIRE_OTHERS, parameters)
        if event.index_id is None:
            await self._run(ENROL_SHARED, {**parameters, "index_id": "shared"})
        else:
            await self._run(ACTIVATE, parameters)
            await self._run(ENROL, parameters)
        await self._run(SERVE, parameters)
        await self._run(SET_MEANS, {**_collection(key), "model_id": self._model_id, "document": None})

    async def put_versions(self, versions: Sequence[tuple[DocumentKey, DocumentVersionIndexed, datetime]]) -> None:
        """Copy chunks and vectors into the index and make the versions current, in order."""
        for org_id in {key.org_id for key, _, _ in versions}:
            wanted = [event.chunk_set for key, event, _ in versions if key.org_id == org_id]
            sets = await chunk_sets(self._connection, org_id, wanted)
            for key, event, at in versions:
                if key.org_id == org_id:
                    await self._put_version(key, event, at, sets.get(event.chunk_set))
        for collection in {key.parent for key, _, _ in versions}:
            await self._recount(collection)

    async def _put_version(
        self, key: DocumentKey, event: DocumentVersionIndexed, at: datetime, chunk_set: ChunkSet | None
    ) -> None:
        if chunk_set is None:
            raise Unavailable(f"chunk set {event.chunk_set} of document {key.document!r} is not stored")
        parameters = {
            "org_id": key.org_id,
            "collection": key.collection,
            "document": key.document,
            "version": event.version,
            "chunks": event.chunk_count,
            "title": event.title,
            "tags": list(event.tags),
            "readers": list(event.readers),
            "metadata": Jsonb(dict(event.metadata)),
            "chunk_set": event.chunk_set,
            "at": at,
            "model_id": self._model_id,
        }
        rows = await rows_of(self._connection, self._sql(UPSERT_DOCUMENT), parameters)
        document_no: int = rows[0]["document_no"]
        await self._insert_chunks(key, event, chunk_set, document_no)
        await self._run(SET_MEANS, parameters)
        await self._run(DROP_OLD, (document_no, event.version))

    async def _insert_chunks(
        self, key: DocumentKey, event: DocumentVersionIndexed, chunk_set: ChunkSet, document_no: int
    ) -> None:
        chunks = chunk_set.chunks
        lexical = [chunk_weights(chunk.text, " ".join(chunk.heading_path) or chunk_set.title) for chunk in chunks]
        parameters = {
            "document_no": document_no,
            "org_id": key.org_id,
            "collection": key.collection,
            "version": event.version,
            "model_id": self._model_id,
            "ordinals": [chunk.ordinal for chunk in chunks],
            "headings": [Jsonb(list(chunk.heading_path)) for chunk in chunks],
            "texts": [chunk.text for chunk in chunks],
            "starts": [chunk.start_byte for chunk in chunks],
            "ends": [chunk.end_byte for chunk in chunks],
            "hashes": [text_hash(passage) for passage in chunk_set.passages()],
            "terms": ["{" + ",".join(map(str, vector.ids.tolist())) + "}" for vector in lexical],
            "weights": [sparse_literal(vector.ids, vector.weights) for vector in lexical],
        }
        await self._run(INSERT_CHUNKS, parameters)

    async def describe(self, key: DocumentKey, title: str, metadata: Mapping[str, str]) -> None:
        """Change title and metadata of a document."""
        await self._run(
            "UPDATE search_documents_g{g} SET title = %s, metadata = %s"
            " WHERE org_id = %s AND collection = %s AND document = %s",
            (title, Jsonb(dict(metadata)), key.org_id, key.collection, key.document),
        )

    async def put_tags(self, key: DocumentKey, tags: Sequence[str]) -> None:
        """Set the tags of a document."""
        await self._run(
            "UPDATE search_documents_g{g} SET tags = %s WHERE org_id = %s AND collection = %s AND document = %s",
            (list(tags), key.org_id, key.collection, key.document),
        )

    async def put_readers(self, key: DocumentKey, readers: Sequence[str]) -> None:
        """Set who may read a document."""
        await self._run(
            "UPDATE search_documents_g{g} SET readers = %s WHERE org_id = %s AND collection = %s AND document = %s",
            (list(readers), key.org_id, key.collection, key.document),
        )

    async def delete(self, key: DocumentKey) -> None:
        """Take a document and its chunks out of the index."""
        parameters = (key.org_id, key.collection, key.document)
        for row in await rows_of(self._connection, self._sql(DELETE_DOCUMENT), parameters):
            await self._run(DELETE_CHUNKS, (row["document_no"],))
        await self._recount(key.parent)

    async def _recount(self, key: CollectionKey) -> None:
        parameters = {"org_id": key.org_id, "collection": key.collection}
        rows = await rows_of(self._connection, self._sql(COUNT_LIVE), parameters)
        if not rows:
            return
        live, counted = rows[0]["live_chunks"], rows[0]["lexicon_chunks"]
        if abs(live - counted) <= max(LEXICON_MINIMUM, LEXICON_GROWTH * counted):
            return
        await self._run(FORGET_TERMS, parameters)
        await self._run(COUNT_TERMS, parameters)
        epoch = (await rows_of(self._connection, self._sql(NEW_EPOCH), parameters))[0]["lexicon_epoch"]
        # ranking changes for the whole collection: no process may go on serving answers made before
        payload = f"epoch\x1f{key.org_id}\x1f{key.collection}\x1f{epoch}"
        await run(self._connection, "SELECT pg_notify(%s, %s)", (Channel.EVICTIONS.value, payload))


def _collection(key: CollectionKey) -> dict[str, object]:
    return {"org_id": key.org_id, "collection": key.collection}
