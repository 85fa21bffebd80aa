"""What was given with prompts: summed up in memory, written every few seconds, and counted for objectives (ADR-0033).

Money is stored in billionths of a USD, so that sums are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from ryorin.adapters.postgres.objectives import PostgresObjectives
from ryorin.adapters.postgres.pool import Pool, Row, run
from ryorin.adapters.postgres.samples import STORE, stored_sample
from ryorin.contexts.traffic.queries import PromptUse
from ryorin.contexts.traffic.specs import (
    BOUNDS,
    DAYS_KEPT,
    LOW,
    MEASURES,
    AnswerSample,
    Measure,
    ObjectiveSpec,
    PromptAt,
    PromptTotals,
    TrafficSlice,
    bucket_of,
)
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

NANO = 1_000_000_000
# stored answers that wait to be written; what comes beyond is not stored
MAX_WAITING = 1000
# as many days before an objective's window are what the window is compared with
BEFORE = 4
# questions of each side that drift looks at
MAX_VECTORS = 400

ADD = """
INSERT INTO prompt_traffic AS t (org_id, prompt, version, label, minute, answers, failed, cached, stale, prompt_tokens,
                                 completion_tokens, nanos)
VALUES (%s, %s, %s, %s, date_trunc('minute', now()), %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (org_id, prompt, label, version, minute) DO UPDATE
SET answers = t.answers + excluded.answers, failed = t.failed + excluded.failed, cached = t.cached + excluded.cached,
    stale = t.stale + excluded.stale, prompt_tokens = t.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = t.completion_tokens + excluded.completion_tokens, nanos = t.nanos + excluded.nanos
"""
ADD_BUCKETS = """
INSERT INTO prompt_histograms AS h (org_id, prompt, version, label, minute, measure, bucket, answers)
SELECT %s, %s, %s, %s, date_trunc('minute', now()), * FROM unnest(%s::text[], %s::smallint[], %s::bigint[])
ON CONFLICT (org_id, prompt, label, measure, minute, version, bucket) DO UPDATE
SET answers = h.answers + excluded.answers
"""
# no budget is watched by the minute for longer than the longest of the short windows lasts
COMPACT = """
WITH old AS (
    DELETE FROM prompt_traffic WHERE minute < date_trunc('hour', now() - interval '2 days')
      AND minute <> date_trunc('hour', minute) RETURNING *)
INSERT INTO prompt_traffic AS t
SELECT org_id, prompt, version, label, date_trunc('hour', minute), sum(answers), sum(failed), sum(cached), sum(stale),
       sum(prompt_tokens), sum(completion_tokens), sum(nanos)
FROM old GROUP BY org_id, prompt, version, label, date_trunc('hour', minute)
ON CONFLICT (org_id, prompt, label, version, minute) DO UPDATE
SET answers = t.answers + excluded.answers, failed = t.failed + excluded.failed, cached = t.cached + excluded.cached,
    stale = t.stale + excluded.stale, prompt_tokens = t.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = t.completion_tokens + excluded.completion_tokens, nanos = t.nanos + excluded.nanos
"""
COMPACT_BUCKETS = """
WITH old AS (
    DELETE FROM prompt_histograms WHERE minute < date_trunc('hour', now() - interval '2 days')
      AND minute <> date_trunc('hour', minute) RETURNING *)
INSERT INTO prompt_histograms AS h
SELECT org_id, prompt, version, label, date_trunc('hour', minute), measure, bucket, sum(answers)
FROM old GROUP BY org_id, prompt, version, label, date_trunc('hour', minute), measure, bucket
ON CONFLICT (org_id, prompt, label, measure, minute, version, bucket) DO UPDATE
SET answers = h.answers + excluded.answers
"""
_KEPT = f"now() - make_interval(days => {DAYS_KEPT})"
PURGE = (
    f"DELETE FROM prompt_traffic WHERE minute < {_KEPT}",
    f"DELETE FROM prompt_histograms WHERE minute < {_KEPT}",
    f"DELETE FROM answer_samples WHERE asked_at < {_KEPT}",
    f"DELETE FROM answer_feedback WHERE given_at < {_KEPT} OR (rating IS NULL AND given_at < now() - interval '1 day')",
)

_WINDOWS = "unnest(%(minutes)s::int[]) WITH ORDINALITY AS w(minutes, at)"
_OF = "org_id = %(org_id)s AND prompt = %(prompt)s AND label = %(label)s"
COUNT_TOTALS = f"""
SELECT COALESCE(sum(t.answers + CASE WHEN %(errors)s THEN t.failed ELSE 0 END), 0)::bigint AS total,
       COALESCE(sum(CASE WHEN %(errors)s THEN t.failed ELSE t.stale END), 0)::bigint AS bad,
       0 AS abstained, 0 AS failed
FROM {_WINDOWS} LEFT JOIN prompt_traffic t
  ON {_OF} AND t.minute > now() - make_interval(mins => w.minutes)
GROUP BY w.at ORDER BY w.at
"""
COUNT_BUCKETS = f"""
SELECT COALESCE(sum(h.answers), 0)::bigint AS total,
       COALESCE(sum(h.answers) FILTER (WHERE h.bucket > %(bucket)s), 0)::bigint AS bad, 0 AS abstained, 0 AS failed
FROM {_WINDOWS} LEFT JOIN prompt_histograms h
  ON {_OF} AND measure = %(measure)s AND h.minute > now() - make_interval(mins => w.minutes)
GROUP BY w.at ORDER BY w.at
"""
COUNT_SCORES = f"""
WITH found AS (
    SELECT s.asked_at, c.outcome, CASE WHEN %(low)s THEN c.value > %(threshold)s ELSE c.value < %(threshold)s END AS bad
    FROM answer_samples s JOIN sample_scores c ON c.org_id = s.org_id AND c.sample = s.id
    WHERE s.org_id = %(org_id)s AND s.prompt = %(prompt)s AND s.label = %(label)s AND c.objective = %(objective)s
      AND s.asked_at > now() - make_interval(mins => %(longest)s))
SELECT count(*) FILTER (WHERE outcome = 'scored') AS total,
       count(*) FILTER (WHERE outcome = 'scored' AND bad) AS bad,
       count(*) FILTER (WHERE outcome = 'abstained') AS abstained, count(*) FILTER (WHERE outcome = 'failed') AS failed
FROM {_WINDOWS} LEFT JOIN found ON asked_at > now() - make_interval(mins => w.minutes)
GROUP BY w.at ORDER BY w.at
"""
_RECENT = "> now() - make_interval(days => %(days)s)"
_WHOLE = f"> now() - make_interval(days => %(days)s * {1 + BEFORE})"
HISTOGRAMS = f"""
SELECT measure, bucket, minute {_RECENT} AS recent, sum(answers)::bigint AS answers FROM prompt_histograms
WHERE {_OF} AND minute {_WHOLE} GROUP BY 1, 2, 3
"""
VECTORS = f"""
SELECT vector FROM answer_samples
WHERE {_OF} AND vector IS NOT NULL AND (asked_at {_RECENT}) = %(recent)s AND asked_at {_WHOLE}
ORDER BY md5(id) LIMIT {MAX_VECTORS}
"""
USES = """
SELECT (minute AT TIME ZONE 'utc')::date AS day, prompt, version, label, sum(answers)::bigint AS answers,
       sum(failed)::bigint AS failed, sum(cached)::bigint AS cached, sum(stale)::bigint AS stale,
       sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
       sum(nanos)::bigint AS nanos
FROM prompt_traffic
WHERE org_id = %(org_id)s AND (%(prompt)s::text IS NULL OR prompt = %(prompt)s)
  AND (minute AT TIME ZONE 'utc')::date > (now() AT TIME ZONE 'utc')::date - %(days)s::int
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
LATENCIES = """
SELECT (minute AT TIME ZONE 'utc')::date AS day, prompt, version, label, bucket, sum(answers)::bigint AS answers
FROM prompt_histograms
WHERE org_id = %(org_id)s AND (%(prompt)s::text IS NULL OR prompt = %(prompt)s) AND measure = 'ms'
  AND (minute AT TIME ZONE 'utc')::date > (now() AT TIME ZONE 'utc')::date - %(days)s::int
GROUP BY 1, 2, 3, 4, 5
"""

_Key = tuple[OrgId, PromptAt]


@dataclass(frozen=True, slots=True)
class Count:
    """The `Counted` port."""

    total: int
    bad: int
    abstained: int
    failed: int


class PostgresTrafficNotes:
    """The `TrafficNotes` port."""

    def __init__(self, pool: Pool, objectives: PostgresObjectives) -> None:
        self._pool = pool
        self._objectives = objectives
        self._sums: dict[_Key, PromptTotals] = {}
        self._buckets: dict[_Key, Counter[tuple[Measure, int]]] = {}
        self._samples: list[tuple[OrgId, AnswerSample]] = []

    async def share(self, org_id: OrgId, prompt: str, label: str) -> float:
        """By the objectives; none while the database does not answer and never did."""
        try:
            return await self._objectives.share(org_id, prompt, label)
        except Unavailable:
            return 0.0

    def note(self, org_id: OrgId, at: PromptAt, totals: PromptTotals, values: Sequence[float | None]) -> None:
        """Add one answer."""
        self._sums[org_id, at] = _added(self._sums.get((org_id, at), PromptTotals()), totals)
        buckets = self._buckets.setdefault((org_id, at), Counter())
        buckets.update(
            (measure, bucket_of(value)) for measure, value in zip(MEASURES, values, strict=True) if value is not None
        )

    def keep(self, org_id: OrgId, sample: AnswerSample) -> None:
        """Have an answer stored."""
        if len(self._samples) < MAX_WAITING:
            self._samples.append((org_id, sample))

    async def write(self) -> None:
        """Add what was noted to the tables; what could not be written is written later."""
        sums, self._sums = self._sums, {}
        buckets, self._buckets = self._buckets, {}
        samples, self._samples = self._samples, []
        if not sums and not samples:
            return
        try:
            async with self._pool.transaction() as connection:
                # in one order, so that processes never wait for each other in a circle
                for org_id, at in sorted(sums, key=lambda key: (key[0], key[1].prompt, key[1].label, key[1].version)):
                    key, totals = (org_id, at.prompt, at.version, at.label), sums[org_id, at]
                    await run(connection, ADD, (*key, *_columns(totals)))
                    found = sorted(buckets[org_id, at].items())
                    columns = [one[0] for one, _ in found], [one[1] for one, _ in found], [count for _, count in found]
                    await run(connection, ADD_BUCKETS, (*key, *columns))
                for org_id, sample in samples:
                    await run(connection, STORE, stored_sample(org_id, sample))
        except BaseException:
            for one, totals in sums.items():
                self._sums[one] = _added(self._sums.get(one, PromptTotals()), totals)
                self._buckets.setdefault(one, Counter()).update(buckets[one])
            self._samples = [*samples, *self._samples][:MAX_WAITING]
            raise

    async def tidy(self) -> None:
        """Make hours of minutes that are over, and forget what is old."""
        async with self._pool.transaction() as connection:
            for statement in (COMPACT, COMPACT_BUCKETS, *PURGE):
                await run(connection, statement, ())


class PostgresTraffic:
    """The `Traffic` port."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def counted(
        self, org_id: OrgId, objective: str, spec: ObjectiveSpec, minutes: Sequence[int]
    ) -> Sequence[Count]:
        """For each of the windows."""
        asked: dict[str, object] = {**_of(org_id, spec), "minutes": list(minutes)}
        match spec.indicator:
            case "errors" | "staleness":
                statement, asked["errors"] = COUNT_TOTALS, spec.indicator == "errors"
            case "quality":
                statement = COUNT_SCORES
                asked |= {"objective": objective, "threshold": spec.threshold, "low": spec.metric in LOW}
                asked["longest"] = max(minutes)
            case _:
                statement, asked["bucket"] = COUNT_BUCKETS, spec.bucket
                asked["measure"] = "ms" if spec.indicator == "latency" else "micro_usd"
        return [Count(**row) for row in await self._pool.fetch(statement, asked)]

    async def slices(self, org_id: OrgId, spec: ObjectiveSpec) -> tuple[TrafficSlice, TrafficSlice]:
        """The days before the window, and the window."""
        asked = {**_of(org_id, spec), "days": spec.window_days}
        rows = await self._pool.fetch(HISTOGRAMS, asked)
        found = []
        for recent in (False, True):
            histograms: dict[Measure, dict[int, int]] = {measure: {} for measure in MEASURES}
            for row in rows:
                if row["recent"] == recent:
                    histograms[row["measure"]][row["bucket"]] = row["answers"]
            vectors = await self._pool.fetch(VECTORS, {**asked, "recent": recent})
            found.append(TrafficSlice(histograms, tuple(bytes(row["vector"]) for row in vectors)))
        return found[0], found[1]

    async def uses(self, org_id: OrgId, prompt: str | None, days: int) -> Sequence[PromptUse]:
        """By day, prompt, version and label."""
        asked = {"org_id": org_id, "prompt": prompt, "days": days}
        latencies: dict[tuple[object, ...], dict[int, int]] = {}
        for row in await self._pool.fetch(LATENCIES, asked):
            latencies.setdefault(_which(row), {})[row["bucket"]] = row["answers"]
        return [_use(row, latencies.get(_which(row), {})) for row in await self._pool.fetch(USES, asked)]


def _of(org_id: OrgId, spec: ObjectiveSpec) -> dict[str, object]:
    return {"org_id": org_id, "prompt": spec.prompt, "label": spec.label}


def _which(row: Row) -> tuple[object, ...]:
    return row["day"], row["prompt"], row["version"], row["label"]


def _use(row: Row, latencies: Mapping[int, int]) -> PromptUse:
    return PromptUse(
        row["day"],
        row["prompt"],
        row["version"],
        row["label"],
        PromptTotals(
            row["answers"],
            row["failed"],
            row["cached"],
            row["stale"],
            row["prompt_tokens"],
            row["completion_tokens"],
            row["nanos"] / NANO,
        ),
        _quantile(latencies, 0.5),
        _quantile(latencies, 0.95),
    )


def _quantile(histogram: Mapping[int, int], share: float) -> float | None:
    """The bound that so many of them do not exceed."""
    left = share * sum(histogram.values())
    for bucket in sorted(histogram):
        left -= histogram[bucket]
        if left <= 0:
            return BOUNDS[min(bucket, len(BOUNDS) - 1)]
    return None


def _added(first: PromptTotals, second: PromptTotals) -> PromptTotals:
    return replace(
        first, **{one.name: getattr(first, one.name) + getattr(second, one.name) for one in fields(PromptTotals)}
    )


def _columns(totals: PromptTotals) -> tuple[int, ...]:
    return (
        totals.answers,
        totals.failed,
        totals.cached,
        totals.stale,
        totals.prompt_tokens,
        totals.completion_tokens,
        round(totals.usd * NANO),
    )
