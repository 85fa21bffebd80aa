"""What was spent on models: reservations in budgets, and usage summed up by day (ADR-0018).

Money is stored in billionths of a USD, so that sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from uuid import UUID

from ryorin.adapters.postgres.pool import Pool, rows_of, run
from ryorin.contexts.gateway.catalogue import Budget, TokenUse
from ryorin.contexts.gateway.errors import BudgetExceeded
from ryorin.contexts.gateway.queries import BudgetView, ModelUse
from ryorin.contexts.gateway.read.ports import ModelCall
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import Ids

NANO = 1_000_000_000
# longer than any call may take; what is left then belongs to a process that died
EXPIRE_SECONDS = 600

START = """CASE %(period)s WHEN 'day' THEN (now() AT TIME ZONE 'utc')::date
     WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'utc')::date ELSE '1970-01-01'::date END"""
RESERVE = f"""
WITH fits AS (
    INSERT INTO gateway_spending AS s (org_id, subject, period_start, spent, reserved)
    SELECT %(org_id)s, %(subject)s, {START}, 0, %(nanos)s WHERE %(nanos)s <= %(limit)s
    ON CONFLICT (org_id, subject, period_start) DO UPDATE SET reserved = s.reserved + excluded.reserved
    WHERE s.spent + s.reserved + excluded.reserved <= %(limit)s
    RETURNING period_start)
INSERT INTO gateway_reservations (id, org_id, subject, period_start, nanos, expires_at)
SELECT %(id)s, %(org_id)s, %(subject)s, period_start, %(nanos)s, now() + make_interval(secs => %(seconds)s) FROM fits
RETURNING id
"""
LEFT = f"""
SELECT spent, reserved FROM gateway_spending
WHERE org_id = %(org_id)s AND subject = %(subject)s AND period_start = {START}
"""
TAKE = "DELETE FROM gateway_reservations WHERE id = %s RETURNING org_id, subject, period_start, nanos"
SETTLE = """
UPDATE gateway_spending SET reserved = reserved - %(nanos)s, spent = spent + %(usd)s
WHERE org_id = %(org_id)s AND subject = %(subject)s AND period_start = %(period_start)s
"""
EXPIRED = "SELECT DISTINCT id FROM gateway_reservations WHERE expires_at < now()"
ADD = """
INSERT INTO gateway_usage AS u (org_id, day, principal, alias, deployment, calls, failed, input, cached_read,
                                cache_write, output, reasoning, nanos)
VALUES (%s, (now() AT TIME ZONE 'utc')::date, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (org_id, day, principal, alias, deployment) DO UPDATE
SET calls = u.calls + excluded.calls, failed = u.failed + excluded.failed, input = u.input + excluded.input,
    cached_read = u.cached_read + excluded.cached_read, cache_write = u.cache_write + excluded.cache_write,
    output = u.output + excluded.output, reasoning = u.reasoning + excluded.reasoning, nanos = u.nanos + excluded.nanos
"""
USES = """
SELECT day, principal, alias, deployment, calls, failed, input, cached_read, cache_write, output, reasoning, nanos
FROM gateway_usage WHERE org_id = %s AND day > (now() AT TIME ZONE 'utc')::date - %s::int
ORDER BY day, principal, alias, deployment
"""

_Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    failed: int = 0
    input: int = 0
    cached_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    nanos: int = 0

    def add(self, other: _Sum) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class PostgresSpending:
    """The `Spending` port."""

    def __init__(self, pool: Pool, ids: Ids) -> None:
        self._pool = pool
        self._ids = ids
        self._sums: dict[_Key, _Sum] = {}

    async def reserve(self, org_id: OrgId, budgets: Sequence[Budget], usd: float) -> UUID:
        """Set aside what a call may cost in every budget, or in none."""
        reservation = self._ids.new()
        async with self._pool.transaction() as connection:
            # in one order, so that calls never wait for each other in a circle
            for budget in sorted(budgets, key=lambda one: one.subject):
                parameters = {
                    "id": reservation,
                    "org_id": org_id,
                    "subject": budget.subject,
                    "period": budget.period,
                    "nanos": _nanos(usd),
                    "limit": _nanos(budget.usd),
                    "seconds": EXPIRE_SECONDS,
                }
                if not await rows_of(connection, RESERVE, parameters):
                    raise BudgetExceeded(
                        f"the budget of {budget.subject} ({budget.usd:g} USD, {_spoken(budget)}) does not allow a call"
                        f" that may cost {usd:.6f} USD; ask for fewer max_tokens, or have it raised"
                    )
        return reservation

    async def settle(self, reservation: UUID, usd: float) -> None:
        """Count what the call did cost; a reservation that expired was counted already."""
        await self._settle(reservation, _nanos(usd))

    async def _settle(self, reservation: UUID, nanos: int | None) -> None:
        async with self._pool.transaction() as connection:
            taken = await rows_of(connection, TAKE, (reservation,))
            for row in sorted(taken, key=lambda one: str(one["subject"])):
                await run(connection, SETTLE, {**row, "usd": row["nanos"] if nanos is None else nanos})

    async def purge(self) -> None:
        """Count reservations as spent whose process died."""
        for row in await self._pool.fetch(EXPIRED):
            await self._settle(row["id"], None)

    def note(self, call: ModelCall) -> None:
        """Add a call to the sums."""
        counted = call.tokens
        one = _Sum(
            1,
            0 if call.answered else 1,
            counted.input,
            counted.cached_read,
            counted.cache_write,
            counted.output,
            counted.reasoning,
            _nanos(call.usd),
        )
        self._sums.setdefault((call.org_id, call.principal, call.alias, call.deployment), _Sum()).add(one)

    async def write(self) -> None:
        """Add the sums to the table; what could not be written is added later."""
        sums, self._sums = self._sums, {}
        if not sums:
            return
        try:
            async with self._pool.transaction() as connection:
                # in one order, so that processes never wait for each other in a circle
                for (org_id, principal, alias, deployment), one in sorted(sums.items()):
                    await run(connection, ADD, (org_id, principal, alias, deployment, *astuple(one)))
        except BaseException:
            for key, one in sums.items():
                self._sums.setdefault(key, _Sum()).add(one)
            raise

    async def uses(self, org_id: OrgId, days: int) -> Sequence[ModelUse]:
        """Usage by day, principal and model."""
        return [
            ModelUse(
                day=row["day"],
                principal=row["principal"],
                alias=row["alias"],
                deployment=row["deployment"],
                calls=row["calls"],
                failed=row["failed"],
                tokens=TokenUse(row["input"], row["cached_read"], row["cache_write"], row["output"], row["reasoning"]),
                usd=row["nanos"] / NANO,
            )
            for row in await self._pool.fetch(USES, (org_id, days))
        ]

    async def budgets(self, org_id: OrgId, budgets: Sequence[Budget]) -> Sequence[BudgetView]:
        """What is gone of each budget in its present period."""
        views = []
        for budget in budgets:
            parameters = {"org_id": org_id, "subject": budget.subject, "period": budget.period}
            row = await self._pool.fetch_one(LEFT, parameters)
            spent, reserved = (row["spent"] / NANO, row["reserved"] / NANO) if row else (0.0, 0.0)
            views.append(BudgetView(budget, spent, reserved))
        return views


def _nanos(usd: float) -> int:
    return round(usd * NANO)


def _spoken(budget: Budget) -> str:
    return "in all" if budget.period == "total" else f"a {budget.period}"
