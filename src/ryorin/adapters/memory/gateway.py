"""Catalogues and spending in memory, for tests and for one process without a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from ryorin.contexts.gateway.catalogue import Budget, Catalogue
from ryorin.contexts.gateway.errors import BudgetExceeded
from ryorin.contexts.gateway.queries import BudgetView, ModelUse, ProviderView
from ryorin.contexts.gateway.read.ports import ModelCall
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import Clock, Ids


class MemoryCatalogues:
    """The `Catalogues` port; `known` is what each organisation has registered."""

    def __init__(self) -> None:
        self.known: dict[OrgId, Catalogue] = {}

    async def of(self, org_id: OrgId) -> Catalogue:
        """What an organisation has registered."""
        return self.known.get(org_id, Catalogue())

    async def providers(self, org_id: OrgId) -> Sequence[ProviderView]:
        """Nobody looks at them here."""
        return ()


class MemorySpending:
    """The `Spending` port; periods never end."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock
        self._reserved: dict[UUID, tuple[OrgId, tuple[str, ...], float]] = {}
        self._spent: defaultdict[tuple[OrgId, str], float] = defaultdict(float)
        self.calls: list[ModelCall] = []

    async def reserve(self, org_id: OrgId, budgets: Sequence[Budget], usd: float) -> UUID:
        """Set aside what a call may cost in every budget, or in none."""
        for budget in budgets:
            if self._spent[org_id, budget.subject] + self._set_aside(org_id, budget.subject) + usd > budget.usd:
                raise BudgetExceeded(f"the budget of {budget.subject} does not allow a call that may cost {usd:g} USD")
        reservation = self._ids.new()
        self._reserved[reservation] = org_id, tuple(budget.subject for budget in budgets), usd
        return reservation

    def _set_aside(self, org_id: OrgId, subject: str) -> float:
        return sum(usd for owner, subjects, usd in self._reserved.values() if owner == org_id and subject in subjects)

    async def settle(self, reservation: UUID, usd: float) -> None:
        """Count what the call did cost."""
        taken = self._reserved.pop(reservation, None)
        if taken is not None:
            for subject in taken[1]:
                self._spent[taken[0], subject] += usd

    async def purge(self) -> None:
        """Whoever reserved here dies with the reservation."""

    def note(self, call: ModelCall) -> None:
        """Keep a call."""
        self.calls.append(call)

    async def uses(self, org_id: OrgId, days: int) -> Sequence[ModelUse]:
        """Every call for itself, as of today."""
        today = self._clock.now().date()
        return [
            ModelUse(today, call.principal, call.alias, call.deployment, 1, not call.answered, call.tokens, call.usd)
            for call in self.calls
            if call.org_id == org_id
        ]

    async def budgets(self, org_id: OrgId, budgets: Sequence[Budget]) -> Sequence[BudgetView]:
        """What is gone of each budget."""
        return [
            BudgetView(one, self._spent[org_id, one.subject], self._set_aside(org_id, one.subject)) for one in budgets
        ]
