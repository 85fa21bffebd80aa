"""Evaluation on PostgreSQL: rows of datasets and evaluations, items by their hash, results by item."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime

from ryorin.adapters.postgres.pool import Connection, Pool, Row, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.evaluation.events import DatasetVersionCreated, EvaluationFailed, EvaluationFinished, StylePut
from ryorin.contexts.evaluation.queries import DatasetView, EvaluationView, StyleView
from ryorin.contexts.evaluation.specs import DatasetItem, EvaluationSpec, EvaluationSummary, ItemResult, StyleGenome
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE evaluation_datasets_g{g} (
    org_id text NOT NULL, dataset text NOT NULL, version int NOT NULL, splits jsonb NOT NULL,
    content_hash text NOT NULL, note text NOT NULL, author text NOT NULL, created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, dataset, version));
CREATE TABLE evaluation_runs_g{g} (
    org_id text NOT NULL, evaluation text NOT NULL, dataset text NOT NULL, prompt text, spec jsonb NOT NULL,
    state text NOT NULL, summary jsonb, reason text, note text NOT NULL, author text NOT NULL,
    ended_at timestamptz NOT NULL, PRIMARY KEY (org_id, evaluation));
CREATE TABLE evaluation_styles_g{g} (
    org_id text NOT NULL, style text NOT NULL, genome jsonb NOT NULL, author text NOT NULL, put_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, style));
CREATE INDEX ON evaluation_runs_g{g} (org_id, dataset, ended_at);
CREATE INDEX ON evaluation_runs_g{g} (org_id, prompt, ended_at);
"""
SCHEMA = Schema(DDL, ("evaluation_datasets", "evaluation_runs", "evaluation_styles"))

ADD_VERSION = """
INSERT INTO evaluation_datasets_g{g} (org_id, dataset, version, splits, content_hash, note, author, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
REMOVE_DATASET = "DELETE FROM evaluation_datasets_g{g} WHERE org_id = %s AND dataset = %s"
PUT_EVALUATION = """
INSERT INTO evaluation_runs_g{g}
    (org_id, evaluation, dataset, prompt, spec, state, summary, reason, note, author, ended_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (org_id, evaluation) DO UPDATE SET state = excluded.state, summary = excluded.summary,
    reason = excluded.reason, note = excluded.note, author = excluded.author, ended_at = excluded.ended_at
"""
PUT_STYLE = """
INSERT INTO evaluation_styles_g{g} (org_id, style, genome, author, put_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (org_id, style) DO UPDATE
SET genome = excluded.genome, author = excluded.author, put_at = excluded.put_at
"""
REMOVE_STYLE = "DELETE FROM evaluation_styles_g{g} WHERE org_id = %s AND style = %s"
STYLES = """
SELECT style, genome - 'centre' AS genome, author, put_at FROM evaluation_styles WHERE org_id = %s ORDER BY style
"""
STYLE = "SELECT genome FROM evaluation_styles WHERE org_id = %s AND style = %s"
DATASETS = """
SELECT DISTINCT ON (dataset) * FROM evaluation_datasets WHERE org_id = %s ORDER BY dataset, version DESC
"""
DATASET = """
SELECT * FROM evaluation_datasets WHERE org_id = %(org_id)s AND dataset = %(dataset)s
    AND version = COALESCE(%(version)s::int, version) ORDER BY version DESC LIMIT 1
"""
EVALUATIONS = """
SELECT * FROM evaluation_runs WHERE org_id = %(org_id)s
    AND (%(dataset)s::text IS NULL OR dataset = %(dataset)s) AND (%(prompt)s::text IS NULL OR prompt = %(prompt)s)
ORDER BY ended_at DESC LIMIT 1000
"""
EVALUATION = "SELECT * FROM evaluation_runs WHERE org_id = %s AND evaluation = %s"
PUT_CONTENT = """
INSERT INTO evaluation_contents (org_id, content_hash, content) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
GET_CONTENT = "SELECT content FROM evaluation_contents WHERE org_id = %s AND content_hash = %s"
SAVE = """
INSERT INTO evaluation_results (org_id, evaluation, item, result) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING item
"""
DONE = "SELECT item FROM evaluation_results WHERE org_id = %s AND evaluation = %s"
PAGE = """
SELECT result FROM evaluation_results WHERE org_id = %s AND evaluation = %s ORDER BY item OFFSET %s LIMIT %s
"""
ONE = "SELECT result FROM evaluation_results WHERE org_id = %s AND evaluation = %s AND item = %s"
ALL = "SELECT result FROM evaluation_results WHERE org_id = %s AND evaluation = %s ORDER BY item"


class PostgresEvaluationRows:
    """The `EvaluationRows` port: one generation's tables, on the projection's connection."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def add_dataset_version(self, org_id: OrgId, created: DatasetVersionCreated, created_at: datetime) -> None:
        """Write a version."""
        await self._run(
            ADD_VERSION,
            org_id,
            created.dataset,
            created.version,
            json.dumps(dict(created.splits)),
            created.content_hash,
            created.note,
            created.author,
            created_at,
        )

    async def remove_dataset(self, org_id: OrgId, dataset: str) -> None:
        """Delete all versions."""
        await self._run(REMOVE_DATASET, org_id, dataset)

    async def put_style(self, org_id: OrgId, put: StylePut, put_at: datetime) -> None:
        """Write a style."""
        await self._run(PUT_STYLE, org_id, put.style, _stored(put.genome), put.author, put_at)

    async def remove_style(self, org_id: OrgId, style: str) -> None:
        """Delete a style."""
        await self._run(REMOVE_STYLE, org_id, style)

    async def put_evaluation(
        self, org_id: OrgId, ended: EvaluationFinished | EvaluationFailed, ended_at: datetime
    ) -> None:
        """Write how it ended."""
        finished = isinstance(ended, EvaluationFinished)
        await self._run(
            PUT_EVALUATION,
            org_id,
            ended.evaluation,
            ended.spec.dataset,
            ended.spec.target.prompt,
            _stored(ended.spec),
            "finished" if finished else "failed",
            _stored(ended.summary) if isinstance(ended, EvaluationFinished) else None,
            f"{ended.code}: {ended.reason}" if isinstance(ended, EvaluationFailed) else None,
            ended.note,
            ended.author,
            ended_at,
        )


class PostgresEvaluations:
    """The `Evaluations` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def datasets(self, org_id: OrgId) -> Sequence[DatasetView]:
        """Each by its newest version, by name."""
        return [_dataset(row) for row in await self._pool.fetch(DATASETS, (org_id,))]

    async def dataset(self, org_id: OrgId, dataset: str, version: int | None) -> DatasetView | None:
        """A version; None: the newest."""
        row = await self._pool.fetch_one(DATASET, {"org_id": org_id, "dataset": dataset, "version": version})
        return _dataset(row) if row else None

    async def evaluations(
        self, org_id: OrgId, dataset: str | None = None, prompt: str | None = None
    ) -> Sequence[EvaluationView]:
        """Newest first."""
        asked = {"org_id": org_id, "dataset": dataset, "prompt": prompt}
        return [_evaluation(row) for row in await self._pool.fetch(EVALUATIONS, asked)]

    async def evaluation(self, org_id: OrgId, evaluation: str) -> EvaluationView | None:
        """How it ended."""
        row = await self._pool.fetch_one(EVALUATION, (org_id, evaluation))
        return _evaluation(row) if row else None

    async def styles(self, org_id: OrgId) -> Sequence[StyleView]:
        """By name."""
        return [
            StyleView(
                row["style"],
                row["genome"]["language"],
                row["genome"]["samples"],
                row["genome"]["habits"],
                row["author"],
                row["put_at"],
            )
            for row in await self._pool.fetch(STYLES, (org_id,))
        ]

    async def style(self, org_id: OrgId, style: str) -> StyleGenome | None:
        """A genome."""
        row = await self._pool.fetch_one(STYLE, (org_id, style))
        return from_json(StyleGenome, row["genome"]) if row else None


class PostgresDatasetContents:
    """The `DatasetContents` port: lines of JSON, compressed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, org_id: OrgId, items: Sequence[DatasetItem]) -> str:
        """Store items; the hash of them all."""
        lines = "\n".join(_stored(item) for item in items).encode()
        content_hash = hashlib.sha256(lines).hexdigest()
        await self._pool.execute(PUT_CONTENT, (org_id, content_hash, gzip.compress(lines, mtime=0)))
        return content_hash

    async def get(self, org_id: OrgId, content_hash: str) -> Sequence[DatasetItem] | None:
        """The items in their order."""
        row = await self._pool.fetch_one(GET_CONTENT, (org_id, content_hash))
        if row is None:
            return None
        return [from_json(DatasetItem, json.loads(line)) for line in gzip.decompress(row["content"]).splitlines()]


class PostgresItemResults:
    """The `ItemResults` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def save(self, org_id: OrgId, evaluation: str, result: ItemResult) -> bool:
        """Keep a result; whether there was none of the item."""
        async with self._pool.transaction() as connection:
            rows = await run(connection, SAVE, (org_id, evaluation, result.item, _stored(result)))
        return bool(rows)

    async def done(self, org_id: OrgId, evaluation: str) -> Collection[str]:
        """The items that have one."""
        return {row["item"] for row in await self._pool.fetch(DONE, (org_id, evaluation))}

    async def all(self, org_id: OrgId, evaluation: str) -> Sequence[ItemResult]:
        """By item."""
        rows = await self._pool.fetch(ALL, (org_id, evaluation))
        return [from_json(ItemResult, row["result"]) for row in rows]

    async def one(self, org_id: OrgId, evaluation: str, item: str) -> ItemResult | None:
        """What came of an item."""
        row = await self._pool.fetch_one(ONE, (org_id, evaluation, item))
        return from_json(ItemResult, row["result"]) if row else None

    async def page(self, org_id: OrgId, evaluation: str, offset: int, limit: int) -> Sequence[ItemResult]:
        """Some of them, by item."""
        rows = await self._pool.fetch(PAGE, (org_id, evaluation, offset, limit))
        return [from_json(ItemResult, row["result"]) for row in rows]


def _stored(value: object) -> str:
    return json.dumps(to_json(value), ensure_ascii=False)


def _dataset(row: Row) -> DatasetView:
    return DatasetView(
        row["dataset"],
        row["version"],
        row["splits"],
        row["content_hash"],
        row["note"],
        row["author"],
        row["created_at"],
    )


def _evaluation(row: Row) -> EvaluationView:
    return EvaluationView(
        row["evaluation"],
        from_json(EvaluationSpec, row["spec"]),
        row["state"],
        None if row["summary"] is None else from_json(EvaluationSummary, row["summary"]),
        row["reason"],
        row["note"],
        row["author"],
        row["ended_at"],
    )
