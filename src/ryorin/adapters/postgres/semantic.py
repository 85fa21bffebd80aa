"""Questions, observations and hits of paraphrases in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.pool import Pool, rows_of, run
from ryorin.adapters.postgres.vectors import vector_literals
from ryorin.contexts.answers.domain.verified import Likeness, Observation
from ryorin.contexts.answers.read.semantic import GivenHits, KnownQuestion, Learned
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.messages import OrgId

MAX_LEARNED = 10_000

# a family is one way of asking one collection: few enough to compare all of them
NEAREST = """
SELECT key, question, passages, -(vector <#> %(vector)s::halfvec) AS cosine FROM semantic_questions
WHERE org_id = %(org_id)s AND family = %(family)s AND expires_at > now()
ORDER BY vector <#> %(vector)s::halfvec LIMIT 1
"""
KEEP = """
INSERT INTO semantic_questions (org_id, family, key, question, passages, vector, expires_at)
VALUES (%s, %s, %s, %s, %s, %s::halfvec, now() + make_interval(secs => %s))
ON CONFLICT (org_id, key) DO UPDATE
SET passages = excluded.passages, vector = excluded.vector, expires_at = excluded.expires_at
"""
LEARNED = """
SELECT id, key, likeness, right_answer, uniform FROM (
    SELECT * FROM semantic_observations WHERE org_id = %s AND scope = %s AND id > %s ORDER BY id DESC LIMIT %s) newest
ORDER BY id
"""
OBSERVE = """
INSERT INTO semantic_observations (org_id, scope, key, likeness, right_answer, uniform) VALUES (%s, %s, %s, %s, %s, %s)
"""
GIVEN = "INSERT INTO semantic_hits (org_id, scope, key, id, likeness) VALUES (%s, %s, %s, %s, %s)"
HIT = "SELECT scope, key, likeness, right_answer FROM semantic_hits WHERE org_id = %s AND id = %s FOR UPDATE"
JUDGE = "UPDATE semantic_hits SET right_answer = %s WHERE org_id = %s AND id = %s"
HITS = """
SELECT scope, count(*) AS hits, count(right_answer) AS judged, count(*) FILTER (WHERE NOT right_answer) AS judged_wrong
FROM semantic_hits WHERE org_id = %s AND given_at > now() - interval '30 days' GROUP BY scope
"""
SCOPES = "SELECT DISTINCT scope FROM semantic_observations WHERE org_id = %s ORDER BY scope"
PURGE = """
WITH hits AS (DELETE FROM semantic_hits WHERE given_at < now() - interval '90 days'),
     observations AS (DELETE FROM semantic_observations WHERE observed_at < now() - interval '90 days')
DELETE FROM semantic_questions WHERE expires_at < now()
"""


class PostgresSemanticStore:
    """The `SemanticStore` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def nearest(self, org_id: OrgId, family: str, vector: NDArray[np.float32]) -> KnownQuestion | None:
        """The nearest question of a family, compared with all of them."""
        parameters = {"org_id": org_id, "family": family, "vector": _literal(vector)}
        row = await self._pool.fetch_one(NEAREST, parameters)
        return KnownQuestion(row["key"], row["question"], tuple(row["passages"]), row["cosine"]) if row else None

    async def keep(
        self, org_id: OrgId, family: str, known: KnownQuestion, vector: NDArray[np.float32], ttl_seconds: float
    ) -> None:
        """Keep a question beside its answer."""
        values = (org_id, family, known.key, known.question, list(known.passages), _literal(vector), ttl_seconds)
        await self._pool.execute(KEEP, values)

    async def learned(self, org_id: OrgId, scope: str, after: int) -> Sequence[Learned]:
        """Observations after a number."""
        return [
            Learned(
                row["id"],
                row["key"],
                Observation(from_json(Likeness, row["likeness"]), row["right_answer"], row["uniform"]),
            )
            for row in await self._pool.fetch(LEARNED, (org_id, scope, after, MAX_LEARNED))
        ]

    async def observe(self, org_id: OrgId, scope: str, key: str, observation: Observation) -> None:
        """Write an observation down."""
        seen = Jsonb(to_json(observation.likeness))
        await self._pool.execute(OBSERVE, (org_id, scope, key, seen, observation.right, observation.uniform))

    async def given(self, org_id: OrgId, scope: str, key: str, hit: str, likeness: Likeness) -> None:
        """Note a hit."""
        await self._pool.execute(GIVEN, (org_id, scope, key, hit, Jsonb(to_json(likeness))))

    async def judge(self, org_id: OrgId, hit: str, right: bool) -> bool:
        """Take a judgement; one that is new is an observation, though none that stands for all."""
        async with self._pool.transaction() as connection:
            rows = await rows_of(connection, HIT, (org_id, hit))
            if not rows:
                return False
            row = rows[0]
            await run(connection, JUDGE, (right, org_id, hit))
            if row["right_answer"] is not right:
                seen = Jsonb(row["likeness"])
                await run(connection, OBSERVE, (org_id, row["scope"], row["key"], seen, right, False))
        return True

    async def hits(self, org_id: OrgId) -> Sequence[GivenHits]:
        """Hits of the last 30 days."""
        rows = await self._pool.fetch(HITS, (org_id,))
        return [GivenHits(row["scope"], row["hits"], row["judged"], row["judged_wrong"]) for row in rows]

    async def scopes(self, org_id: OrgId) -> Sequence[str]:
        """Scopes with observations."""
        return [row["scope"] for row in await self._pool.fetch(SCOPES, (org_id,))]

    async def purge(self) -> int:
        """Drop what is too old; how many questions."""
        return await self._pool.execute(PURGE)


def _literal(vector: NDArray[np.float32]) -> str:
    return vector_literals(vector[None, :])[0]
