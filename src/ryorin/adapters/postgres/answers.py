"""L2: answers in PostgreSQL, served while valid, and the rows through which they are invalidated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.cache_ledger import SELECTED, selected
from ryorin.adapters.postgres.cold_answers import ColdAnswers
from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, Pool, Row, rows_of, run
from ryorin.contexts.answers.provenance import Provenance
from ryorin.contexts.answers.queries import Answer, AnswerQuestion
from ryorin.contexts.answers.read.ports import CachedAnswer, KeptAnswer, KeptOutline, KeptProbe
from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import OrgId

# all transactions before it have ended, and what they did is seen
SEEN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS seen"
FRESHNESS = """
SELECT transaction_id, position FROM projection_generations WHERE name = 'answers.freshness' AND state = 'active'
"""
# not while invalidations are behind the index: the answer could lack what a search finds already
GET = f"""
SELECT a.answer, a.cold, a.collection, a.lexicon_epoch, EXTRACT(epoch FROM now() - a.created_at)::float8 AS age,
       EXTRACT(epoch FROM a.expires_at - now())::float8 AS ttl, {SEEN},
       f.transaction_id::text::bigint AS transaction_id, f.position
FROM answers a, ({FRESHNESS}) f, projection_generations s
WHERE a.org_id = %(org_id)s AND a.key = %(key)s AND a.invalidated_at IS NULL AND a.expires_at > now()
  AND s.name = 'knowledge.search' AND s.state = 'active'
  AND (a.collection IS NULL OR (
      (NOT %(settled)s OR (f.transaction_id, f.position) >= (s.transaction_id, s.position))
      AND a.lexicon_epoch = (SELECT lexicon_epoch FROM search_collections c
                             WHERE c.org_id = a.org_id AND c.collection = a.collection)))
"""
INVALIDATED = """
SELECT answer, cold, EXTRACT(epoch FROM now() - created_at)::float8 AS age FROM answers
WHERE org_id = %s AND key = %s AND expires_at > now() AND invalidated_at > now() - make_interval(secs => %s)
"""
PUT = """
INSERT INTO answers (org_id, key, id, collection, lexicon_epoch, answer, probe, outline, context, question,
                     transaction_id, position, created_at, expires_at)
VALUES (%(org_id)s, %(key)s, %(id)s, %(collection)s, %(lexicon_epoch)s, %(answer)s, %(probe)s, %(outline)s,
        %(context)s, %(question)s, %(transaction_id)s::text::xid8, %(position)s, now(),
        now() + make_interval(secs => %(ttl)s))
ON CONFLICT (org_id, key) DO UPDATE
SET id = excluded.id, collection = excluded.collection, lexicon_epoch = excluded.lexicon_epoch,
    answer = excluded.answer, probe = excluded.probe, outline = excluded.outline, sequence = excluded.sequence,
    context = excluded.context, question = excluded.question, transaction_id = excluded.transaction_id,
    position = excluded.position, created_at = excluded.created_at, expires_at = excluded.expires_at,
    invalidated_at = NULL, invalidation = NULL, cold = NULL, warm_since = now()
"""
OF_CONTEXT = """
SELECT answer, cold, EXTRACT(epoch FROM now() - created_at)::float8 AS age FROM answers
WHERE org_id = %s AND key = %s AND context = %s AND expires_at > now()
"""
# as if it had been kept now, except for its age
RENEW = """
UPDATE answers
SET lexicon_epoch = %(lexicon_epoch)s, probe = %(probe)s, outline = %(outline)s,
    sequence = nextval('answer_sequence'), transaction_id = %(transaction_id)s::text::xid8, position = %(position)s,
    invalidated_at = NULL, invalidation = NULL
WHERE org_id = %(org_id)s AND key = %(key)s AND id = %(id)s
"""
RECORD_AGAIN = """
recorded AS (
    UPDATE answer_ledger
    SET invalidated_at = NULL, invalidation = NULL, lexicon_epoch = %(lexicon_epoch)s, provenance = %(provenance)s,
        transaction_id = %(transaction_id)s::text::xid8, position = %(position)s
    WHERE org_id = %(org_id)s AND id = %(id)s)
"""
# one that was made for the same key before is no longer served. Before there are statistics any index that has the
# organisation looks as good as the right one: the row is looked up by its primary key, and the test whether it is
# valid is worded so that no index of valid rows seems to help
RECORD = """
earlier AS (
    UPDATE answer_ledger SET invalidated_at = now(), invalidation = 'made again'
    WHERE org_id = %(org_id)s AND id = (SELECT id FROM answers WHERE org_id = %(org_id)s AND key = %(key)s)
      AND COALESCE(invalidated_at, 'infinity') = 'infinity'),
recorded AS (
INSERT INTO answer_ledger (org_id, id, key, collection, model, lexicon_epoch, provenance, documents, transaction_id,
                           position, created_at, expires_at)
VALUES (%(org_id)s, %(id)s, %(key)s, %(collection)s, %(model)s, %(lexicon_epoch)s, %(provenance)s, %(documents)s,
        %(transaction_id)s::text::xid8, %(position)s, now(), now() + make_interval(secs => %(ttl)s)))
"""
REACHED = FRESHNESS.replace("SELECT transaction_id", f"SELECT {SEEN}, transaction_id::text::bigint AS transaction_id")
# one statement is one way to the database and back
KEEP = f"WITH kept AS ({PUT}), {RECORD} {REACHED}"
# answers without documents are given before they are kept, and are kept together: a batch costs half as much for each,
# and the next request does not meet the writing of the last
LINGER_SECONDS = 0.05
# without waiting for the disk: an answer that a crash loses is made again
KEEP_QUIETLY = KEEP.replace(f"SELECT {SEEN}", f"SELECT set_config('synchronous_commit', 'off', true), {SEEN}")
KEEP_ON = f"WITH kept AS ({RENEW}), {RECORD_AGAIN} {REACHED}"
# the row lock orders this against the freshness projection: it sees the answer, or we see its change
LOCK_COLLECTION = """
SELECT transaction_id::text::bigint AS transaction_id, position FROM answer_collections
WHERE org_id = %s AND collection = %s FOR SHARE
"""
LAST_CHANGE_SEEN = """
SELECT transaction_id::text::bigint AS transaction_id, position FROM answer_collections
WHERE org_id = %s AND collection = %s
"""
LAST_CHANGE = f"{LAST_CHANGE_SEEN} FOR UPDATE"
KNOW_COLLECTION = """
INSERT INTO answer_collections (org_id, collection, transaction_id, position) VALUES (%s, %s, '0', 0)
ON CONFLICT DO NOTHING
"""
CHANGED = """
INSERT INTO answer_collections (org_id, collection, transaction_id, position)
VALUES (%s, %s, %s::text::xid8, %s)
ON CONFLICT (org_id, collection) DO UPDATE
SET transaction_id = excluded.transaction_id, position = excluded.position
"""
EPOCH = "SELECT lexicon_epoch FROM search_collections WHERE org_id = %s AND collection = %s"
OUTLINES = """
SELECT key, sequence, outline, transaction_id::text::bigint AS transaction_id, position FROM answers
WHERE org_id = %s AND collection = %s AND sequence > %s AND invalidated_at IS NULL AND expires_at > now()
  AND outline IS NOT NULL
ORDER BY sequence
"""
PROBES = """
SELECT key, probe FROM answers
WHERE org_id = %s AND key = ANY(%s) AND invalidated_at IS NULL AND expires_at > now()
  AND (probe IS NOT NULL OR cold IS NOT NULL)
"""
INVALIDATE = """
WITH told AS (
    UPDATE answer_ledger SET invalidated_at = now(), invalidation = %(reason)s
    WHERE org_id = %(org_id)s AND key = ANY(%(keys)s) AND invalidated_at IS NULL)
UPDATE answers SET invalidated_at = now(), invalidation = %(reason)s
WHERE org_id = %(org_id)s AND key = ANY(%(keys)s) AND invalidated_at IS NULL
"""
INVALIDATE_COLLECTION = """
WITH told AS (
    UPDATE answer_ledger SET invalidated_at = now(), invalidation = %(reason)s
    WHERE org_id = %(org_id)s AND collection = %(collection)s AND invalidated_at IS NULL)
UPDATE answers SET invalidated_at = now(), invalidation = %(reason)s
WHERE org_id = %(org_id)s AND collection = %(collection)s AND invalidated_at IS NULL
"""
# an invalidated one may be right again for a day
PURGE = "DELETE FROM answers WHERE expires_at < now() OR invalidated_at < now() - interval '1 day'"
# the ledger tells of answers for a month after they were made
FLUSH = f"""
WITH flushed AS (DELETE FROM answers WHERE {SELECTED} RETURNING id, key),
     told AS (
    UPDATE answer_ledger l SET invalidated_at = now(), invalidation = %(reason)s
    FROM flushed WHERE l.org_id = %(org_id)s AND l.id = flushed.id AND l.invalidated_at IS NULL)
SELECT key FROM flushed
"""
ERASE = """
WITH told AS (
    DELETE FROM answer_ledger
    WHERE org_id = %(org_id)s AND collection = %(collection)s AND documents @> ARRAY[%(document)s::text]
    RETURNING id, key),
erased AS (DELETE FROM answers a USING told WHERE a.org_id = %(org_id)s AND a.id = told.id),
asked AS (DELETE FROM semantic_questions q USING told WHERE q.org_id = %(org_id)s AND q.key = told.key)
SELECT DISTINCT key FROM told
"""
# more than this many are told as all of the organisation's
TOLD_ONE_BY_ONE = 1000
PURGE_POPULARITY = "DELETE FROM answer_popularity WHERE used_at < now() - interval '30 days'"
PURGE_LEDGER = "DELETE FROM answer_ledger WHERE created_at < now() - interval '30 days' AND expires_at < now()"
NOTIFY = "SELECT pg_notify(%s, %s)"
# a hundred keys in each: a payload has at most 8,000 bytes
NOTIFY_KEYS = """
SELECT pg_notify(%(channel)s, concat_ws(E'\\x1f', 'key', %(org_id)s::text, string_agg(key, ','), %(at)s::text))
FROM (SELECT key, (row_number() OVER () - 1) / 100 AS part FROM unnest(%(keys)s::text[]) AS key) AS parts GROUP BY part
"""
# evictions by transactions from here on will be told to who listens now
GREETING = "SELECT concat_ws(E'\\x1f', 'begun', '', '', pg_snapshot_xmax(pg_current_snapshot()))"


# readers only ever come to a collection: one too many costs a hit, one too few would give an answer away
RESTRICT = """
INSERT INTO answer_collections AS c (org_id, collection, transaction_id, position, readers)
VALUES (%(org_id)s, %(collection)s, '0', 0, %(readers)s)
ON CONFLICT (org_id, collection) DO UPDATE
SET readers = ARRAY(SELECT DISTINCT unnest(COALESCE(c.readers, '{}') || excluded.readers) ORDER BY 1)
WHERE c.readers IS NULL OR NOT c.readers @> excluded.readers
"""


class PostgresAnswerStore:
    """The `AnswerStore` port."""

    def __init__(self, pool: Pool, cold: ColdAnswers | None = None) -> None:
        self._pool = pool
        self._cold = cold
        # answers without documents that wait to be kept, and who will keep them
        self._waiting: list[CachedAnswer] = []
        self._keeping: asyncio.Task[list[Row]] | None = None

    async def get(self, org_id: OrgId, key: str, *, settled: bool) -> KeptAnswer | None:
        """A valid answer; `settled` wants invalidations not to be behind the index."""
        row = await self._pool.fetch_one(GET, {"org_id": org_id, "key": key, "settled": settled})
        if row is None:
            return None
        answer = await self._answer(org_id, key, row)
        if answer is None:
            return None
        valid_at = LogPosition(row["transaction_id"], row["position"])
        return KeptAnswer(answer, row["collection"], row["lexicon_epoch"], valid_at, row["seen"], row["ttl"])

    async def changed(self, org_id: OrgId, collection: str) -> LogPosition:
        """The newest change of a collection that the freshness projection has dealt with."""
        row = await self._pool.fetch_one(LAST_CHANGE_SEEN, (org_id, collection))
        return LogPosition(row["transaction_id"], row["position"]) if row else BEGINNING

    async def invalidated(self, org_id: OrgId, key: str, within_seconds: float) -> Answer | None:
        """An answer that was invalidated at most so long ago; those are kept for a day."""
        row = await self._pool.fetch_one(INVALIDATED, (org_id, key, within_seconds))
        return await self._answer(org_id, key, row) if row else None

    async def of_context(self, org_id: OrgId, key: str, context: str) -> Answer | None:
        """An answer that was made from this very context."""
        row = await self._pool.fetch_one(OF_CONTEXT, (org_id, key, context))
        return await self._answer(org_id, key, row) if row else None

    async def _answer(self, org_id: OrgId, key: str, row: Row) -> Answer | None:
        """The answer of a row; None when its body lies elsewhere and cannot be had."""
        body = row["answer"]
        if row["cold"] is not None:
            body = await self._cold.warmed(org_id, key, row["cold"]) if self._cold else None
        if body is None:
            return None
        answer: Answer = from_json(Answer, {**body, "age_seconds": round(row["age"], 3)})
        return answer

    async def put(self, entry: CachedAnswer) -> KeptAnswer | None:
        """Keep an answer, unless its collection or its ranking changed since it was asked for."""
        return await self._write(entry, KEEP)

    async def renew(self, entry: CachedAnswer) -> KeptAnswer | None:
        """Make an answer that is there valid again, unless as for `put`."""
        return await self._write(entry, KEEP_ON)

    async def _write(self, entry: CachedAnswer, statement: str) -> KeptAnswer | None:
        if entry.collection is None:
            rows = await self._kept_with_others(entry)
        else:
            async with self._pool.transaction() as connection:
                # an answer that a crash loses is made again
                await run(connection, "SET LOCAL synchronous_commit = off")
                if await self._overtaken(connection, entry):
                    return None
                rows = await rows_of(connection, statement, _columns(entry))
        reached = LogPosition(rows[0]["transaction_id"], rows[0]["position"]) if rows else BEGINNING
        return KeptAnswer(
            answer=entry.answer,
            collection=entry.collection,
            lexicon_epoch=entry.lexicon_epoch,
            valid_at=max(entry.as_of, reached),
            seen=rows[0]["seen"] if rows else None,
            ttl_seconds=entry.ttl_seconds,
        )

    async def _kept_with_others(self, entry: CachedAnswer) -> list[Row]:
        """Keep an answer together with those that come at about the same time."""
        self._waiting.append(entry)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_waiting())
        return await asyncio.shield(self._keeping)

    async def _keep_waiting(self) -> list[Row]:
        """Keep all that wait, in one way to the database and back; how far invalidations were before."""
        await asyncio.sleep(LINGER_SECONDS)
        self._keeping = None
        # in the order of their keys, as every process does it: none waits for another in a circle
        entries = sorted({entry.key: entry for entry in self._waiting}.values(), key=lambda entry: entry.key)
        self._waiting.clear()
        async with self._pool.connection() as connection:
            if len(entries) == 1:
                return await rows_of(connection, KEEP_QUIETLY, _columns(entries[0]))
            async with connection.cursor() as cursor:
                async with connection.pipeline(), connection.transaction():
                    await cursor.executemany(KEEP_QUIETLY, [_columns(entry) for entry in entries], returning=True)
                return await cursor.fetchall()

    async def _overtaken(self, connection: Connection, entry: CachedAnswer) -> bool:
        collection = (entry.org_id, entry.collection)
        await run(connection, KNOW_COLLECTION, collection)
        changed = (await rows_of(connection, LOCK_COLLECTION, collection))[0]
        if LogPosition(changed["transaction_id"], changed["position"]) > entry.as_of:
            return True
        epoch = await rows_of(connection, EPOCH, collection)
        return not epoch or epoch[0]["lexicon_epoch"] != entry.lexicon_epoch

    async def purge(self) -> int:
        """Drop answers that can never be served again; how many."""
        await self._pool.execute(PURGE_LEDGER)
        await self._pool.execute(PURGE_POPULARITY)
        return await self._pool.execute(PURGE)


def _asked(question: AnswerQuestion, provenance: Provenance) -> dict[str, object]:
    return {"query": to_json(question), "readers": to_json(provenance.readers)}


def _columns(entry: CachedAnswer) -> dict[str, object]:
    return {
        "org_id": entry.org_id,
        "key": entry.key,
        "id": entry.answer.id,
        "collection": entry.collection,
        "lexicon_epoch": entry.lexicon_epoch,
        "answer": Jsonb(to_json(entry.answer)),
        "probe": entry.probe,
        "outline": entry.outline,
        "context": entry.context,
        "question": Jsonb(_asked(entry.question, entry.provenance)) if entry.question else None,
        "transaction_id": str(entry.as_of.transaction_id),
        "position": entry.as_of.position,
        "ttl": entry.ttl_seconds,
        "model": entry.answer.model,
        "provenance": Jsonb(to_json(entry.provenance)),
        "documents": sorted({chunk.document for chunk in entry.provenance.context}),
    }


class PostgresAnswerRows:
    """The `AnswerRows` port on one connection; it has one table for all generations."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection

    async def outlines(self, org_id: OrgId, collection: str, after: int) -> Sequence[KeptOutline]:
        """What was kept since, in order."""
        rows = await rows_of(self._connection, OUTLINES, (org_id, collection, after))
        return [
            KeptOutline(
                row["key"],
                row["sequence"],
                bytes(row["outline"]),
                LogPosition(row["transaction_id"], row["position"]),
            )
            for row in rows
        ]

    async def probes(self, org_id: OrgId, keys: Sequence[str]) -> Sequence[KeptProbe]:
        """What valid answers depend on."""
        rows = await rows_of(self._connection, PROBES, (org_id, list(keys))) if keys else []
        return [KeptProbe(row["key"], row["probe"] and bytes(row["probe"])) for row in rows]

    async def invalidate(self, org_id: OrgId, keys: Sequence[str], reason: str, position: LogPosition) -> None:
        """Invalidate answers, and tell every process's memory."""
        await run(self._connection, INVALIDATE, {"reason": reason[:500], "org_id": org_id, "keys": list(keys)})
        await self._tell_keys(org_id, keys, position)

    async def _tell_keys(self, org_id: OrgId, keys: Sequence[str], position: LogPosition) -> None:
        parameters = {"channel": Channel.EVICTIONS.value, "org_id": org_id, "keys": list(keys), "at": str(position)}
        await run(self._connection, NOTIFY_KEYS, parameters)

    async def erase(self, org_id: OrgId, collection: str, document: str, position: LogPosition) -> None:
        """Drop every answer that was ever made with a document, and tell every process's memory."""
        parameters = {"org_id": org_id, "collection": collection, "document": document}
        keys = [row["key"] for row in await rows_of(self._connection, ERASE, parameters)]
        await self._tell_keys(org_id, keys, position)

    async def invalidate_collection(self, org_id: OrgId, collection: str, reason: str, position: LogPosition) -> None:
        """Invalidate all answers of a collection, and tell every process's memory."""
        parameters = {"reason": reason[:500], "org_id": org_id, "collection": collection}
        await run(self._connection, INVALIDATE_COLLECTION, parameters)
        payload = f"collection\x1f{org_id}\x1f{collection}\x1f{position}"
        await run(self._connection, NOTIFY, (Channel.EVICTIONS.value, payload))

    async def flush(self, org_id: OrgId, selection: Selection, position: LogPosition) -> None:
        """Delete answers, and tell every process's memory."""
        parameters = {**selected(org_id, selection), "reason": f"flushed: {selection}"[:500]}
        keys = [row["key"] for row in await rows_of(self._connection, FLUSH, parameters)]
        if len(keys) > TOLD_ONE_BY_ONE:
            await run(self._connection, NOTIFY, (Channel.EVICTIONS.value, f"all\x1f{org_id}\x1f\x1f{position}"))
            return
        await self._tell_keys(org_id, keys, position)

    async def restricted(self, org_id: OrgId, collection: str, readers: Sequence[str]) -> None:
        """Add readers to those of the collection, and tell every process if they are new."""
        parameters = {"org_id": org_id, "collection": collection, "readers": list(readers)}
        if await run(self._connection, RESTRICT, parameters):
            payload = f"readers\x1f{org_id}\x1f{collection}\x1f"
            await run(self._connection, NOTIFY, (Channel.EVICTIONS.value, payload))

    async def collection_changed(self, org_id: OrgId, collection: str, position: LogPosition) -> LogPosition:
        """Note the newest change of a collection, and lock its row until the transaction ends; the change before."""
        before = await rows_of(self._connection, LAST_CHANGE, (org_id, collection))
        parameters = (org_id, collection, str(position.transaction_id), position.position)
        await run(self._connection, CHANGED, parameters)
        return LogPosition(before[0]["transaction_id"], before[0]["position"]) if before else BEGINNING
