"""What the cache holds and how it was used; uses are summed up in memory and written every few seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ryorin.adapters.postgres.pool import Pool, run
from ryorin.contexts.answers.accounting import KeptAnswers, LayerUse
from ryorin.contexts.answers.queries import Answer, Usage
from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.messages import OrgId

# what a flush takes out; an invalidated answer counts too, for it may be right again
SELECTED = """
org_id = %(org_id)s AND expires_at > now() AND (invalidated_at IS NULL OR context IS NOT NULL)
AND (%(collection)s::text IS NULL OR collection = %(collection)s)
AND (%(model)s::text IS NULL OR answer->>'model' = %(model)s)
AND (%(prompt)s::text IS NULL OR answer->'prompt'->>'name' = %(prompt)s)
AND (%(document)s::text IS NULL OR id IN (
     SELECT l.id FROM answer_ledger l
     WHERE l.org_id = %(org_id)s AND l.collection = %(collection)s AND l.documents @> ARRAY[%(document)s::text]))
AND (%(tag)s::text IS NULL OR id IN (
     SELECT l.id FROM answer_ledger l JOIN search_documents d
       ON d.org_id = l.org_id AND d.collection = l.collection AND d.document = ANY(l.documents)
     WHERE l.org_id = %(org_id)s AND l.collection = %(collection)s AND %(tag)s = ANY(d.tags)))
"""
COUNT = f"SELECT count(*) AS count FROM answers WHERE {SELECTED}"
KEPT = """
SELECT collection, count(*) FILTER (WHERE invalidated_at IS NULL) AS valid,
       count(*) FILTER (WHERE invalidated_at IS NOT NULL) AS invalidated,
       sum(pg_column_size(answers.*))::bigint AS bytes
FROM answers WHERE org_id = %s AND expires_at > now() GROUP BY collection ORDER BY collection NULLS FIRST
"""
USES = """
SELECT collection, model, layer, sum(requests)::bigint AS requests, sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(completion_tokens)::bigint AS completion_tokens
FROM answer_uses WHERE org_id = %s AND day > current_date - %s::int
GROUP BY collection, model, layer ORDER BY collection, model, layer
"""
ADD = """
INSERT INTO answer_uses (org_id, day, collection, model, layer, requests, prompt_tokens, completion_tokens)
VALUES (%s, current_date, %s, %s, %s, %s, %s, %s)
ON CONFLICT (org_id, day, collection, model, layer) DO UPDATE
SET requests = answer_uses.requests + excluded.requests,
    prompt_tokens = answer_uses.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = answer_uses.completion_tokens + excluded.completion_tokens
"""

POPULAR = """
INSERT INTO answer_popularity AS p (org_id, key, uses)
SELECT l.org_id, l.key, sum(given.uses) FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS given(org_id, id, uses)
JOIN answer_ledger l USING (org_id, id)
GROUP BY l.org_id, l.key ORDER BY l.org_id, l.key
ON CONFLICT (org_id, key) DO UPDATE SET uses = p.uses + excluded.uses, used_at = now()
"""

_Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def selected(org_id: OrgId, selection: Selection) -> dict[str, str | None]:
    """The parameters of SELECTED."""
    return {
        "org_id": org_id,
        "collection": selection.collection,
        "document": selection.document,
        "tag": selection.tag,
        "model": selection.model,
        "prompt": selection.prompt,
    }


class PostgresCacheLedger:
    """The `CacheLedger` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sums: dict[_Key, _Sum] = {}
        # how often each answer from documents was given
        self._given = Counter[tuple[str, str]]()

    def note(self, org_id: OrgId, collection: str | None, answer: Answer) -> None:
        """Count an answer that was given."""
        key = (org_id, collection or "", answer.model, answer.cache)
        found = self._sums.get(key)
        if found is None:
            found = self._sums[key] = _Sum()
        found.requests += 1
        found.prompt_tokens += answer.usage.prompt_tokens
        found.completion_tokens += answer.usage.completion_tokens
        if collection is not None:
            self._given[org_id, answer.id] += 1

    async def write(self) -> None:
        """Add what was counted to the tables; what could not be written is counted on."""
        sums, self._sums = self._sums, {}
        given, self._given = self._given, Counter()
        try:
            async with self._pool.transaction() as connection:
                # in one order, so that processes never wait for each other in a circle
                for key, one in sorted(sums.items()):
                    await run(connection, ADD, (*key, one.requests, one.prompt_tokens, one.completion_tokens))
                if given:
                    columns = [org_id for org_id, _ in given], [id for _, id in given], list(given.values())
                    await run(connection, POPULAR, columns)
        except BaseException:
            for key, one in sums.items():
                again = self._sums.setdefault(key, _Sum())
                again.requests += one.requests
                again.prompt_tokens += one.prompt_tokens
                again.completion_tokens += one.completion_tokens
            self._given.update(given)
            raise

    async def kept(self, org_id: OrgId) -> Sequence[KeptAnswers]:
        """What L2 holds of an organisation."""
        rows = await self._pool.fetch(KEPT, (org_id,))
        return [KeptAnswers(row["collection"], row["valid"], row["invalidated"], row["bytes"]) for row in rows]

    async def uses(self, org_id: OrgId, days: int) -> Sequence[LayerUse]:
        """How questions were answered in the last days, without USD."""
        return [
            LayerUse(
                row["collection"] or None,
                row["model"],
                row["layer"],
                row["requests"],
                Usage(row["prompt_tokens"], row["completion_tokens"]),
                0.0,
            )
            for row in await self._pool.fetch(USES, (org_id, days))
        ]

    async def count(self, org_id: OrgId, selection: Selection) -> int:
        """How many answers are selected."""
        row = await self._pool.fetch_one(COUNT, selected(org_id, selection))
        return int(row["count"]) if row else 0
