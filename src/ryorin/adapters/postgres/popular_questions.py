"""Questions of answers that became invalid, by how often they were asked."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.adapters.postgres.pool import Pool
from ryorin.contexts.answers.queries import AnswerQuestion
from ryorin.kernel.codec import from_json
from ryorin.kernel.messages import OrgId, Readers
from ryorin.processes.warm_answers import AskedBefore

INVALIDATED = """
SELECT a.question FROM answers a LEFT JOIN answer_popularity p USING (org_id, key)
WHERE a.org_id = %s AND a.collection = %s AND a.invalidated_at IS NOT NULL AND a.expires_at > now()
  AND a.question IS NOT NULL
ORDER BY COALESCE(p.uses, 0) DESC, a.created_at DESC, a.key LIMIT %s
"""


class PostgresPopularQuestions:
    """The `PopularQuestions` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def invalidated(self, org_id: OrgId, collection: str, limit: int) -> Sequence[AskedBefore]:
        """The most asked ones first."""
        rows = await self._pool.fetch(INVALIDATED, (org_id, collection, limit))
        return [
            AskedBefore(from_json(AnswerQuestion, row["question"]["query"]), _readers(row["question"]["readers"]))
            for row in rows
        ]


def _readers(found: list[str] | None) -> Readers:
    return None if found is None else tuple(found)
