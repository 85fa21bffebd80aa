"""Fills the gauges when somebody looks at /metrics."""

from __future__ import annotations

from ryorin.adapters.postgres.command_sql import DEAD, DEPTH
from ryorin.adapters.postgres.objectives import BURNING
from ryorin.adapters.postgres.projections import statuses
from ryorin.bootstrap.wiring.foundation import Foundation


class Figures:
    """Queue depth and age, dead letters, burning objectives and projection lag, read from the database."""

    def __init__(self, base: Foundation) -> None:
        self._base = base

    async def render(self) -> bytes:
        """All figures in Prometheus' text format; raises Unavailable without a database."""
        metrics, pool = self._base.metrics, self._base.pool
        queues = await pool.fetch(DEPTH)
        metrics.set_gauge("ryorin_queue_depth", {(row["queue"],): row["depth"] for row in queues})
        metrics.set_gauge("ryorin_queue_oldest_age_seconds", {(row["queue"],): row["oldest_seconds"] for row in queues})
        dead = await pool.fetch_one(DEAD)
        metrics.set_gauge("ryorin_commands_dead", {(): dead["dead"] if dead else 0})
        metrics.set_gauge("ryorin_commands_dead_oldest_age_seconds", {(): dead["oldest_seconds"] if dead else 0})
        burning = {row["level"]: row["objectives"] for row in await pool.fetch(BURNING)}
        levels = {(level,): burning.get(level, 0) for level in ("ticket", "page")}
        metrics.set_gauge("ryorin_objectives_burning", levels)
        lags = {(status.name,): float(status.lag) for status in await statuses(pool) if status.state == "active"}
        metrics.set_gauge("ryorin_projection_lag_events", lags)
        return metrics.render()
