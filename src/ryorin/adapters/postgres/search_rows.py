"""The search index as a projection writes it: documents, chunks with vectors and terms, term frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.chunk_store import chunk_sets
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, rows_of, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.adapters.postgres.vectors import SPARSE_DIMENSIONS, sparse_literal
from ryorin.contexts.knowledge.domain.chunk_set import ChunkSet, text_hash
from ryorin.contexts.knowledge.domain.lexical import chunk_weights
from ryorin.contexts.knowledge.events import DocumentVersionIndexed
from ryorin.contexts.knowledge.read.ports import CollectionKey, DocumentKey
from ryorin.kernel.errors import Unavailable

DDL = f"""
CREATE TABLE search_collections_g{{g}} (
    org_id text NOT NULL, collection text NOT NULL, incarnation integer NOT NULL,
    live_chunks integer NOT NULL DEFAULT 0,
    lexicon_epoch integer NOT NULL DEFAULT 0, lexicon_chunks integer NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, collection));
CREATE TABLE search_documents_g{{g}} (
    document_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id text NOT NULL, collection text NOT NULL, document text NOT NULL,
    version integer NOT NULL, chunks integer NOT NULL, title text NOT NULL,
    tags text[] NOT NULL, metadata jsonb NOT NULL, mean halfvec,
    UNIQUE (org_id, collection, document));
CREATE INDEX ON search_documents_g{{g}} USING gin (tags);
CREATE TABLE search_chunks_g{{g}} (
    chunk_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_no bigint NOT NULL, org_id text NOT NULL, collection text NOT NULL,
    version integer NOT NULL, ordinal integer NOT NULL,
    heading_path text[] NOT NULL, text text NOT NULL, start_byte integer NOT NULL, end_byte integer NOT NULL,
    vector halfvec({{dimensions}}) NOT NULL,
    terms integer[] NOT NULL, weights sparsevec({SPARSE_DIMENSIONS}) NOT NULL);
-- stage 1, dense: the whole index at once, filters come in stage 2 (DESIGN.md section 4)
CREATE INDEX ON search_chunks_g{{g}} USING hnsw (vector halfvec_ip_ops) WITH (m = 16, ef_construction = 64);
-- stage 1, lexical: chunks that hold a term
CREATE INDEX ON search_chunks_g{{g}} USING gin (terms);
CREATE INDEX ON search_chunks_g{{g}} (document_no, version);
CREATE TABLE search_lexicon_g{{g}} (
    org_id text NOT NULL, collection text NOT NULL, term integer NOT NULL, frequency integer NOT NULL,
    PRIMARY KEY (org_id, collection, term));
"""
VIEWS = ("search_collections", "search_documents", "search_chunks", "search_lexicon")

UPSERT_DOCUMENT = """
INSERT INTO search_documents_g{g} AS d (org_id, collection, document, version, chunks, title, tags, metadata)
VALUES (%(org_id)s, %(collection)s, %(document)s, %(version)s, %(chunks)s, %(title)s, %(tags)s, %(metadata)s)
ON CONFLICT (org_id, collection, document) DO UPDATE
SET version = excluded.version, chunks = excluded.chunks, title = excluded.title,
    tags = excluded.tags, metadata = excluded.metadata
RETURNING document_no
"""
# vectors are copied inside the database: they never travel through this process
INSERT_CHUNKS = """
INSERT INTO search_chunks_g{g} (document_no, org_id, collection, version, ordinal, heading_path, text,
                                start_byte, end_byte, vector, terms, weights)
SELECT %(document_no)s, %(org_id)s, %(collection)s, %(version)s, fresh.ordinal,
       ARRAY(SELECT jsonb_array_elements_text(fresh.heading_path)), fresh.text, fresh.start_byte, fresh.end_byte,
       e.vector, fresh.terms::integer[], fresh.weights::sparsevec
FROM unnest(%(ordinals)s::int[], %(headings)s::jsonb[], %(texts)s::text[], %(starts)s::int[], %(ends)s::int[],
            %(hashes)s::text[], %(terms)s::text[], %(weights)s::text[])
     AS fresh(ordinal, heading_path, text, start_byte, end_byte, hash, terms, weights)
JOIN embeddings e ON e.org_id = %(org_id)s AND e.model_id = %(model_id)s AND e.passage_hash = fresh.hash
ORDER BY fresh.ordinal
"""
SET_MEAN = """
UPDATE search_documents_g{g} SET mean = (
    SELECT l2_normalize(avg(vector)) FROM search_chunks_g{g} WHERE document_no = %(no)s AND version = %(version)s)
WHERE document_no = %(no)s
"""
# the version before stays one more round: a search that is between its stages still finds its chunks
DROP_OLD = "DELETE FROM search_chunks_g{g} WHERE document_no = %s AND version < %s - 1"
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
DELETE_CHUNKS = "DELETE FROM search_chunks_g{g} WHERE document_no = %s"
DELETE_DOCUMENT = """
DELETE FROM search_documents_g{g} WHERE org_id = %s AND collection = %s AND document = %s RETURNING document_no
"""
DROP_CHUNKS = """
DELETE FROM search_chunks_g{g} WHERE document_no IN (
    SELECT document_no FROM search_documents_g{g} WHERE org_id = %s AND collection = %s)
"""

# a new count of term frequencies when the collection grew or shrank by this much (ADR-0003)
LEXICON_GROWTH = 0.2
LEXICON_MINIMUM = 64


def search_schema(dimensions: int) -> Schema:
    """Tables and views of the search index for vectors of the given dimensions."""
    return Schema(DDL.replace("{dimensions}", str(dimensions)), VIEWS)


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

    async def put_versions(self, versions: Sequence[tuple[DocumentKey, DocumentVersionIndexed]]) -> None:
        """Copy chunks and vectors into the index and make the versions current, in order."""
        for org_id in {key.org_id for key, _ in versions}:
            wanted = [event.chunk_set for key, event in versions if key.org_id == org_id]
            sets = await chunk_sets(self._connection, org_id, wanted)
            for key, event in versions:
                if key.org_id == org_id:
                    await self._put_version(key, event, sets.get(event.chunk_set))
        for collection in {key.parent for key, _ in versions}:
            await self._recount(collection)

    async def _put_version(self, key: DocumentKey, event: DocumentVersionIndexed, chunk_set: ChunkSet | None) -> None:
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
            "metadata": Jsonb(dict(event.metadata)),
        }
        rows = await rows_of(self._connection, self._sql(UPSERT_DOCUMENT), parameters)
        document_no: int = rows[0]["document_no"]
        await self._insert_chunks(key, event, chunk_set, document_no)
        await self._run(SET_MEAN, {"no": document_no, "version": event.version})
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
        inserted = await self._run(INSERT_CHUNKS, parameters)
        if inserted != len(chunks):
            raise Unavailable(
                f"document {key.document!r} has {len(chunks)} chunks but {inserted} vectors of model "
                f"{self._model_id}; put the document again"
            )

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
