"""Events to rows of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.gateway.catalogue import Budget
from ryorin.contexts.gateway.events import (
    BudgetRemoved,
    BudgetSet,
    ModelPut,
    ModelRemoved,
    ProviderPut,
    ProviderRemoved,
)
from ryorin.contexts.gateway.queries import CATALOGUE_MODEL
from ryorin.contexts.gateway.read.ports import CatalogueRows
from ryorin.kernel.events import RecordedEvent
from ryorin.kernel.messages import OrgId


class CatalogueProjection:
    """Feeds the catalogue's read model."""

    name = CATALOGUE_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: CatalogueRows) -> None:
        """Write the rows of a batch, in order, and say whose catalogue is another one now."""
        changed: dict[OrgId, None] = {}
        for recorded in events:
            if await _applied(recorded, rows):
                changed[recorded.stream.org_id] = None
        for org_id in changed:
            await rows.changed(org_id)


async def _applied(recorded: RecordedEvent, rows: CatalogueRows) -> bool:
    org_id = recorded.stream.org_id
    match recorded.event:
        case ProviderPut() as event:
            await rows.put_provider(org_id, event.provider, event.spec)
        case ProviderRemoved() as event:
            await rows.remove_provider(org_id, event.provider)
        case ModelPut() as event:
            await rows.put_model(org_id, event.provider, event.alias, event.spec)
        case ModelRemoved() as event:
            await rows.remove_model(org_id, event.provider, event.alias)
        case BudgetSet() as event:
            await rows.set_budget(org_id, Budget(event.subject, event.usd, event.period))
        case BudgetRemoved() as event:
            await rows.remove_budget(org_id, event.subject)
        case _:
            return False
    return True
