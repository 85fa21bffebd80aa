"""The budget aggregate: what an organisation or a key may spend."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.gateway.catalogue import Period
from ryorin.contexts.gateway.errors import BudgetNotFound
from ryorin.contexts.gateway.events import BudgetRemoved, BudgetSet
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class SpendingBudget(Aggregate):
    """A bound on spending; what was spent is plain state elsewhere."""

    stream_type: ClassVar[str] = "budget"

    def __init__(self, org_id: OrgId, subject: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, subject))
        self.subject = subject
        self.bound: tuple[float, Period] | None = None

    def set(self, usd: float, period: Period) -> None:
        """Bound it."""
        if self.bound != (usd, period):
            self.record(BudgetSet(self.subject, usd, period))

    def remove(self) -> None:
        """Lift the bound; raises BudgetNotFound."""
        if self.bound is None:
            raise BudgetNotFound(f"there is no budget for {self.subject!r}")
        self.record(BudgetRemoved(self.subject))

    def apply(self, event: Event) -> None:
        self.bound = (event.usd, event.period) if isinstance(event, BudgetSet) else None
