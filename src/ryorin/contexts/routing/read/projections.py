"""Events to rows of experts and gates."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.routing.events import ExpertPut, ExpertRemoved, GateActivated, GateTrained
from ryorin.contexts.routing.ports import RoutingRows
from ryorin.contexts.routing.queries import ROUTING_MODEL
from ryorin.kernel.events import RecordedEvent
from ryorin.kernel.messages import OrgId


class RoutingProjection:
    """Feeds the read model of routing."""

    name = ROUTING_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: RoutingRows) -> None:
        """Write the rows of a batch, in order, and say whose experts are others now."""
        changed: dict[OrgId, None] = {}
        for recorded in events:
            org_id = recorded.stream.org_id
            match recorded.event:
                case ExpertPut() as event:
                    await rows.put_expert(org_id, event.expert, event.spec)
                case ExpertRemoved() as event:
                    await rows.remove_expert(org_id, event.expert)
                case GateTrained() as event:
                    await rows.put_gate(org_id, event.trained)
                case GateActivated() as event:
                    await rows.activate_gate(org_id, event.version)
                case _:
                    continue
            changed[org_id] = None
        for org_id in changed:
            await rows.changed(org_id)
