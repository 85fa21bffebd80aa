"""Stored answers on PostgreSQL: with scores, with what was said of them, and the queue of those to be scored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from ryorin.adapters.postgres.pool import Pool, Row, rows_of, run
from ryorin.adapters.postgres.readers import reader_array
from ryorin.contexts.traffic.ports import Leased
from ryorin.contexts.traffic.specs import AnswerSample, Feedback, PromptAt, Rating, SampleScore, SampleView
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.messages import Actor, OrgId

LEASE_SECONDS = 60
MAX_ATTEMPTS = 5

STORE = """
INSERT INTO answer_samples (org_id, id, answer_id, prompt, version, label, sample, collection, documents, readers)
SELECT %(org_id)s, %(id)s, %(answer)s, %(prompt)s, %(version)s::int, %(label)s, %(sample)s::jsonb, %(collection)s,
       -- what it cites, and all that it was made from where that is known
       ARRAY(SELECT unnest(%(documents)s::text[]) UNION
             SELECT unnest(l.documents) FROM answer_ledger l WHERE l.org_id = %(org_id)s AND l.id = %(answer)s),
       %(readers)s::text[]
-- one may have been erased since the answer was given
WHERE NOT EXISTS (
    SELECT 1 FROM unnest(%(documents)s::text[]) AS cited(document)
    WHERE cited.document <> '*' AND NOT EXISTS (
        SELECT 1 FROM search_documents d
        WHERE d.org_id = %(org_id)s AND d.collection = %(collection)s AND d.document = cited.document))
ON CONFLICT DO NOTHING
"""
# who asked could read all that the answer quotes: whoever reads as much may read it too
_READABLE = "(%(readers)s::text[] IS NULL OR s.readers <@ %(readers)s::text[])"
PAGE = f"""
SELECT s.org_id, s.id, s.sample, s.asked_at, s.documents,
       (SELECT jsonb_agg(jsonb_build_object('objective', objective, 'outcome', outcome, 'value', value,
                                            'detail', detail) ORDER BY objective)
        FROM sample_scores c WHERE c.org_id = s.org_id AND c.sample = s.id) AS scores,
       (SELECT jsonb_agg(jsonb_build_object('rating', rating, 'correction', correction, 'comment', comment,
                                            'by', principal) ORDER BY given_at)
        FROM answer_feedback f WHERE f.org_id = s.org_id AND f.answer_id = s.answer_id AND rating IS NOT NULL)
       AS feedback
FROM answer_samples s
WHERE s.org_id = %(org_id)s AND s.prompt = %(prompt)s AND (%(label)s::text IS NULL OR s.label = %(label)s)
  AND (%(version)s::int IS NULL OR s.version = %(version)s) AND {_READABLE}
  AND (%(rating)s::text IS NULL OR EXISTS (
       SELECT 1 FROM answer_feedback f
       WHERE f.org_id = s.org_id AND f.answer_id = s.answer_id AND f.rating = %(rating)s))
ORDER BY s.asked_at DESC, s.id OFFSET %(offset)s LIMIT %(limit)s
"""
KNOWN = """
SELECT 1 AS known FROM answer_samples WHERE org_id = %(org_id)s AND answer_id = %(answer)s
UNION ALL SELECT 1 FROM answer_ledger WHERE org_id = %(org_id)s AND id = %(answer)s LIMIT 1
"""
# an answer that somebody has something to say of is stored from the cache, where it will be forgotten
ADOPT = """
SELECT a.answer, a.question, l.collection, l.documents FROM answers a JOIN answer_ledger l
  ON l.org_id = a.org_id AND l.id = a.id
WHERE a.org_id = %(org_id)s AND a.id = %(answer)s AND a.key = l.key AND a.answer IS NOT NULL
  AND a.answer->'prompt' <> 'null' AND a.question IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM answer_samples s WHERE s.org_id = a.org_id AND s.answer_id = a.id)
"""
SAY = """
INSERT INTO answer_feedback (org_id, id, correction, comment, principal) VALUES (%s, %s, %s, %s, %s)
"""
FORGET = "DELETE FROM answer_feedback WHERE org_id = %s AND answer_id = %s AND principal = %s AND id <> %s"
RATE = """
INSERT INTO answer_feedback (org_id, id, answer_id, rating, comment, principal) VALUES (%s, %s, %s, %s, '', %s)
ON CONFLICT (org_id, id) DO UPDATE SET answer_id = excluded.answer_id, rating = excluded.rating
WHERE answer_feedback.principal = excluded.principal
"""
LEASE = f"""
UPDATE answer_samples s
SET leased_until = now() + make_interval(secs => {LEASE_SECONDS}), attempts = attempts + 1
FROM (SELECT org_id, id FROM answer_samples
      WHERE scored_at IS NULL AND (leased_until IS NULL OR leased_until < now()) AND attempts < {MAX_ATTEMPTS}
      ORDER BY asked_at LIMIT %s FOR UPDATE SKIP LOCKED) AS due
WHERE s.org_id = due.org_id AND s.id = due.id
RETURNING s.org_id, s.sample, s.asked_at, s.documents, s.attempts
"""
SCORE = """
INSERT INTO sample_scores (org_id, sample, objective, outcome, value, detail)
SELECT %s, %s, %s, %s, %s, %s WHERE EXISTS (SELECT 1 FROM answer_samples WHERE org_id = %s AND id = %s)
ON CONFLICT DO NOTHING
"""
SCORED = "UPDATE answer_samples SET scored_at = now(), vector = %s WHERE org_id = %s AND id = %s"


class PostgresSamples:
    """The `Samples` and `SampleQueue` ports."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self,
        actor: Actor,
        prompt: str,
        label: str | None,
        version: int | None,
        rating: Rating | None,
        offset: int,
        limit: int,
    ) -> Sequence[SampleView]:
        """Newest first."""
        asked: dict[str, object] = {
            "org_id": actor.org_id,
            "readers": reader_array(actor.readers),
            "prompt": prompt,
            "label": label,
        }
        asked |= {"version": version, "rating": rating, "offset": offset, "limit": limit}
        return [_view(row) for row in await self._pool.fetch(PAGE, asked)]

    async def known(self, org_id: OrgId, answer: str) -> bool:
        """Whether it is stored, adopted from the cache, or at least remembered."""
        asked = {"org_id": org_id, "answer": answer}
        row = await self._pool.fetch_one(ADOPT, asked)
        if row is not None:
            await self._pool.execute(STORE, stored_sample(org_id, _adopted(answer, row)))
        return await self._pool.fetch_one(KNOWN, asked) is not None

    async def say(self, org_id: OrgId, feedback: Feedback) -> str:
        """Store what is said; its id."""
        said = uuid4().hex
        await self._pool.execute(SAY, (org_id, said, feedback.correction, feedback.comment, feedback.by))
        return said

    async def rate(self, org_id: OrgId, answer: str, feedback: Feedback, said: str) -> None:
        """Note a rating with what was said."""
        said = said or uuid4().hex
        async with self._pool.transaction() as connection:
            await run(connection, FORGET, (org_id, answer, feedback.by, said))
            await run(connection, RATE, (org_id, said, answer, feedback.rating, feedback.by))

    async def lease(self, limit: int) -> Sequence[Leased]:
        """Some, for a minute."""
        async with self._pool.transaction() as connection:
            rows = await rows_of(connection, LEASE, (limit,))
        return [Leased(OrgId(row["org_id"]), _sample(row), row["attempts"] >= MAX_ATTEMPTS) for row in rows]

    async def scored(self, org_id: OrgId, sample: str, scores: Sequence[SampleScore], vector: bytes | None) -> None:
        """Store what was found."""
        async with self._pool.transaction() as connection:
            for one in scores:
                found = (one.objective, one.outcome, one.value, one.detail)
                await run(connection, SCORE, (org_id, sample, *found, org_id, sample))
            await run(connection, SCORED, (vector, org_id, sample))


def stored_sample(org_id: OrgId, sample: AnswerSample) -> dict[str, object]:
    """The parameters of STORE."""
    return {
        "org_id": org_id,
        "id": sample.id,
        "answer": sample.answer_id,
        "prompt": sample.at.prompt,
        "version": sample.at.version,
        "label": sample.at.label,
        "sample": json.dumps(to_json(sample), ensure_ascii=False),
        "collection": sample.collection,
        "documents": list(sample.documents),
        "readers": reader_array(sample.readers),
    }


def _adopted(answer: str, row: Row) -> AnswerSample:
    given, query = row["answer"], row["question"]["query"]
    readers = row["question"]["readers"]
    said = [(one["role"], one["content"]) for one in query["messages"]]
    return AnswerSample(
        id=answer,
        answer_id=answer,
        at=PromptAt(given["prompt"]["name"], given["prompt"]["version"], ""),
        asked_at=datetime.fromtimestamp(given["created"], UTC),
        question=next((text for role, text in reversed(said) if role == "user"), ""),
        messages=tuple(said),
        text=given["text"],
        contexts=tuple(one["quote"] for one in given["citations"]),
        collection=row["collection"],
        documents=tuple(row["documents"]),
        readers=None if readers is None else tuple(readers),
        model=given["model"],
    )


def _sample(row: Row) -> AnswerSample:
    found: AnswerSample = from_json(
        AnswerSample, {**row["sample"], "asked_at": row["asked_at"].isoformat(), "documents": row["documents"]}
    )
    return found


def _view(row: Row) -> SampleView:
    return SampleView(
        _sample(row),
        tuple(from_json(SampleScore, one) for one in row["scores"] or ()),
        tuple(from_json(Feedback, one) for one in row["feedback"] or ()),
    )
