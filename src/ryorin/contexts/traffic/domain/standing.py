"""How an objective stands, by what was counted."""

from __future__ import annotations

import asyncio

from ryorin.contexts.traffic.domain.budget import budget_status, windows
from ryorin.contexts.traffic.domain.drift import drift_status
from ryorin.contexts.traffic.ports import Traffic
from ryorin.contexts.traffic.specs import ObjectiveSpec, ObjectiveStatus
from ryorin.kernel.messages import OrgId


async def standing(traffic: Traffic, org_id: OrgId, objective: str, spec: ObjectiveSpec) -> ObjectiveStatus:
    """How an objective stands now."""
    if spec.indicator == "drift":
        before, after = await traffic.slices(org_id, spec)
        return await asyncio.to_thread(drift_status, before, after)
    wanted = windows(spec)
    counted = await traffic.counted(org_id, objective, spec, wanted)
    return budget_status(spec, dict(zip(wanted, counted, strict=True)))
