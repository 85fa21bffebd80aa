"""What cached answers were made from, and whether they are still valid."""

from __future__ import annotations

from ryorin.adapters.postgres.pool import Pool, Row
from ryorin.adapters.postgres.readers import reader_array
from ryorin.contexts.answers.provenance import AnswerUse, Provenance, ProvenanceView
from ryorin.kernel.codec import from_json
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor

# the rules of serving, in the order in which they are told
VERDICT = """
CASE WHEN l.invalidated_at IS NOT NULL THEN 'invalidated'
     WHEN l.expires_at <= now() THEN 'expired'
     WHEN l.collection IS NULL THEN 'valid'
     WHEN l.lexicon_epoch IS DISTINCT FROM (
          SELECT lexicon_epoch FROM search_collections c
          WHERE c.org_id = l.org_id AND c.collection = l.collection) THEN 'ranking_changed'
     WHEN (SELECT (f.transaction_id, f.position) < (s.transaction_id, s.position)
           FROM projection_generations f, projection_generations s
           WHERE f.name = 'answers.freshness' AND f.state = 'active'
             AND s.name = 'knowledge.search' AND s.state = 'active') THEN 'behind'
     ELSE 'valid' END AS verdict
"""
# who cannot read what it was made from, or what was open to whom it was made for, is told nothing of it
READABLE = """
  AND (%(readers)s::text[] IS NULL OR NOT EXISTS (
      SELECT 1 FROM search_documents d
      WHERE d.org_id = l.org_id AND d.collection = l.collection AND d.document = ANY(l.documents)
        AND NOT d.readers && %(readers)s))
  AND (%(readers)s::text[] IS NULL OR ARRAY(
      SELECT jsonb_array_elements_text(NULLIF(l.provenance->'readers', 'null'))) <@ %(readers)s::text[]
      AND l.provenance->'readers' IS DISTINCT FROM 'null')
"""
PROVENANCE = f"""
SELECT l.id, l.collection, l.model, l.lexicon_epoch, l.provenance, l.created_at, l.expires_at, l.invalidated_at,
       l.invalidation, l.transaction_id::text::bigint AS transaction_id, l.position, {VERDICT}
FROM answer_ledger l WHERE l.org_id = %(org_id)s AND l.id = %(id)s
{READABLE}
"""
USING = f"""
SELECT l.id, l.model, l.created_at, {VERDICT},
       (SELECT max((chunk->>'version')::int) FROM jsonb_array_elements(l.provenance->'context') AS chunk
        WHERE chunk->>'document' = %(document)s) AS version
FROM answer_ledger l
WHERE l.org_id = %(org_id)s AND l.collection = %(collection)s AND l.documents @> ARRAY[%(document)s]
{READABLE}
ORDER BY l.created_at DESC, l.id LIMIT %(limit)s
"""
REASONS = {
    "expired": "its time is over",
    "ranking_changed": "the collection's term statistics were counted anew",
    "behind": "changes of the collection are being looked at",
}


class PostgresAnswerLedger:
    """The `AnswerLedger` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def provenance(self, actor: Actor, answer_id: str) -> ProvenanceView | None:
        """One answer's."""
        row = await self._pool.fetch_one(PROVENANCE, {**_asked_by(actor), "id": answer_id})
        return _view(row) if row else None

    async def using(self, actor: Actor, collection: str, document: str, limit: int) -> tuple[AnswerUse, ...]:
        """Answers made from a document."""
        parameters = {**_asked_by(actor), "collection": collection, "document": document, "limit": limit}
        rows = await self._pool.fetch(USING, parameters)
        return tuple(
            AnswerUse(row["id"], document, row["version"], row["model"], row["verdict"], row["created_at"])
            for row in rows
        )


def _asked_by(actor: Actor) -> dict[str, object]:
    return {"org_id": actor.org_id, "readers": reader_array(actor.readers)}


def _view(row: Row) -> ProvenanceView:
    return ProvenanceView(
        id=row["id"],
        collection=row["collection"],
        model=row["model"],
        verdict=row["verdict"],
        reason=row["invalidation"] or REASONS.get(row["verdict"]),
        as_of=str(LogPosition(row["transaction_id"], row["position"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        invalidated_at=row["invalidated_at"],
        lexicon_epoch=row["lexicon_epoch"],
        provenance=from_json(Provenance, row["provenance"]),
    )
