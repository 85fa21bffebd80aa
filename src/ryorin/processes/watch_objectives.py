"""Looks how objectives stand, and has it recorded when one's level is another (ADR-0033)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from ryorin.contexts.traffic.commands import AssessObjective
from ryorin.contexts.traffic.module import standing
from ryorin.contexts.traffic.ports import Objectives, Traffic
from ryorin.contexts.traffic.queries import ObjectiveView
from ryorin.kernel.bus import CommandBus
from ryorin.kernel.errors import NotFound
from ryorin.kernel.messages import OrgId
from ryorin.processes.score_samples import service

logger = logging.getLogger(__name__)

# days change slowly, and are much to look at
DRIFT_SECONDS = 3600.0


class ObjectiveWatch:
    """One look at all objectives; the command that records looks again, so that two watches disagree about nothing."""

    def __init__(self, objectives: Objectives, traffic: Traffic, bus: Callable[[], CommandBus]) -> None:
        self._objectives = objectives
        self._traffic = traffic
        self._bus = bus
        self._drift_seen: dict[tuple[OrgId, str], float] = {}

    async def look(self) -> None:
        """Assess what stands otherwise than was recorded."""
        for org_id, view in await self._objectives.everywhere():
            if not self._due(org_id, view):
                continue
            status = await standing(self._traffic, org_id, view.name, view.spec)
            if status.level == view.level:
                continue
            logger.warning("objective %s of %s: %s, %s", view.name, org_id, status.level, status.told)
            try:
                await self._bus().send(AssessObjective(objective=view.name), service(org_id))
            except NotFound:
                # it was taken away a moment ago
                continue

    def _due(self, org_id: OrgId, view: ObjectiveView) -> bool:
        if view.spec.indicator != "drift":
            return True
        now = monotonic()
        if now - self._drift_seen.get((org_id, view.name), -DRIFT_SECONDS) < DRIFT_SECONDS:
            return False
        self._drift_seen[org_id, view.name] = now
        return True
