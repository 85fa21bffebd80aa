"""Events to rows of objectives."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.traffic.events import ObjectiveLevelChanged, ObjectivePut, ObjectiveRemoved
from ryorin.contexts.traffic.ports import ObjectiveRows
from ryorin.contexts.traffic.queries import TRAFFIC_MODEL
from ryorin.kernel.events import RecordedEvent


class ObjectivesProjection:
    """Feeds the read model of objectives."""

    name = TRAFFIC_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: ObjectiveRows) -> None:
        """Write the rows of a batch, in order."""
        told = False
        for recorded in events:
            org_id = recorded.stream.org_id
            match recorded.event:
                case ObjectivePut() as event:
                    await rows.put(org_id, event, recorded.recorded_at)
                case ObjectiveRemoved() as event:
                    await rows.remove(org_id, event.objective)
                case ObjectiveLevelChanged() as event:
                    await rows.level(org_id, event, recorded.recorded_at)
                case _:
                    continue
            told = True
        if told:
            await rows.changed()
