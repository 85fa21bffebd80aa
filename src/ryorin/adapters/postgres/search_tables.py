"""Tables of one generation of the search index."""

from __future__ import annotations

from ryorin.adapters.postgres.projections import Schema
from ryorin.adapters.postgres.vectors import SPARSE_DIMENSIONS

DDL = f"""
CREATE TABLE search_collections_g{{g}} (
    org_id text NOT NULL, collection text NOT NULL, incarnation integer NOT NULL,
    live_chunks integer NOT NULL DEFAULT 0,
    pipeline jsonb NOT NULL DEFAULT '{{}}',
    -- the place that serves, NULL for the index that all share; whether that one is given new vectors
    index_id text, shared boolean NOT NULL DEFAULT true,
    lexicon_epoch integer NOT NULL DEFAULT 0, lexicon_chunks integer NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, collection));
CREATE TABLE search_documents_g{{g}} (
    document_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id text NOT NULL, collection text NOT NULL, document text NOT NULL,
    version integer NOT NULL, chunks integer NOT NULL, title text NOT NULL,
    tags text[] NOT NULL, metadata jsonb NOT NULL, mean halfvec,
    readers text[] NOT NULL,
    chunk_set text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, collection, document));
CREATE INDEX ON search_documents_g{{g}} USING gin (tags);
-- whether a collection holds what not everyone may read
CREATE INDEX ON search_documents_g{{g}} (org_id, collection) WHERE NOT readers @> '{{{{*}}}}';
CREATE TABLE search_chunks_g{{g}} (
    chunk_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_no bigint NOT NULL, org_id text NOT NULL, collection text NOT NULL,
    version integer NOT NULL, ordinal integer NOT NULL,
    heading_path text[] NOT NULL, text text NOT NULL, start_byte integer NOT NULL, end_byte integer NOT NULL,
    passage_hash text NOT NULL,
    -- NULL while the collection is served from a place of its own, or until the vector is made
    vector halfvec({{dimensions}}),
    terms integer[] NOT NULL, weights sparsevec({SPARSE_DIMENSIONS}) NOT NULL);
-- compared one by one where few pass a filter: out of line, as their types want it, each costs five looks into another
-- table, and comparing 2,000 took 16 ms instead of 4
ALTER TABLE search_chunks_g{{g}} ALTER vector SET STORAGE MAIN, ALTER weights SET STORAGE MAIN;
-- gone chunks stand in the way of a search of the graph until they are vacuumed
ALTER TABLE search_chunks_g{{g}} SET (autovacuum_vacuum_scale_factor = 0.05);
-- stage 1, dense: the whole index at once, filters come in stage 2 (DESIGN.md section 4)
CREATE INDEX ON search_chunks_g{{g}} USING hnsw (vector halfvec_ip_ops) WITH (m = 16, ef_construction = 64);
-- stage 1, lexical: chunks that hold a term
CREATE INDEX ON search_chunks_g{{g}} USING gin (terms);
CREATE INDEX ON search_chunks_g{{g}} (document_no, version);
-- a small collection is not looked for among all chunks
CREATE INDEX ON search_chunks_g{{g}} (org_id, collection);
CREATE TABLE search_lexicon_g{{g}} (
    org_id text NOT NULL, collection text NOT NULL, term integer NOT NULL, frequency integer NOT NULL,
    PRIMARY KEY (org_id, collection, term));
-- places of their own (ADR-0009): building, ready, active, retired
CREATE TABLE search_vector_indexes_g{{g}} (
    index_id text PRIMARY KEY, org_id text NOT NULL, collection text NOT NULL,
    place text NOT NULL GENERATED ALWAYS AS (index_id || '_g{{g}}') STORED,
    store text NOT NULL, embedding text NOT NULL, model_id text NOT NULL, dimensions integer NOT NULL,
    storage text NOT NULL, state text NOT NULL, changed_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON search_vector_indexes_g{{g}} (org_id, collection);
-- what a place has of each chunk: pending, stored, gone; index_id 'shared' for vectors the shared index waits for
CREATE TABLE search_points_g{{g}} (
    index_id text NOT NULL, chunk_id bigint NOT NULL, state text NOT NULL DEFAULT 'pending',
    PRIMARY KEY (index_id, chunk_id));
CREATE INDEX ON search_points_g{{g}} (index_id, state) WHERE state <> 'stored';
CREATE INDEX ON search_points_g{{g}} (chunk_id);
"""
VIEWS = (
    "search_collections",
    "search_documents",
    "search_chunks",
    "search_lexicon",
    "search_vector_indexes",
    "search_points",
)
# a vector that a store waits for is compared one by one until then: a new generation is served when none is left
UNSETTLED = """
SELECT 1 FROM search_points_g{g} p JOIN search_vector_indexes_g{g} i USING (index_id)
WHERE i.state = 'active' AND p.state = 'pending' LIMIT 1
"""


def search_schema(dimensions: int, model_id: str = "") -> Schema:
    """Tables and views of the search index for vectors of a model; another model makes another index."""
    return Schema(f"-- vectors of {model_id}\n{DDL.replace('{dimensions}', str(dimensions))}", VIEWS, UNSETTLED)
