"""What the read side of the gateway needs from outside: the catalogue's rows, spending, and secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ryorin.contexts.gateway.catalogue import Budget, Catalogue, ModelSpec, ProviderSpec, TokenUse
from ryorin.contexts.gateway.queries import BudgetView, ModelUse, ProviderView
from ryorin.kernel.messages import OrgId


class CatalogueRows(Protocol):
    """The catalogue's rows as its projection writes them; every process is told when the transaction commits."""

    async def put_provider(self, org_id: OrgId, provider: str, spec: ProviderSpec) -> None: ...

    async def remove_provider(self, org_id: OrgId, provider: str) -> None:
        """With its models."""
        ...

    async def put_model(self, org_id: OrgId, provider: str, alias: str, spec: ModelSpec) -> None: ...

    async def remove_model(self, org_id: OrgId, provider: str, alias: str) -> None: ...

    async def set_budget(self, org_id: OrgId, budget: Budget) -> None: ...

    async def remove_budget(self, org_id: OrgId, subject: str) -> None: ...

    async def changed(self, org_id: OrgId) -> None:
        """Tell every process that remembers the organisation's catalogue."""
        ...


class Catalogues(Protocol):
    """What organisations have registered."""

    async def of(self, org_id: OrgId) -> Catalogue:
        """An organisation's catalogue, remembered; as it was last, while the database does not answer.

        Raises Unavailable when it was never known.
        """
        ...

    async def providers(self, org_id: OrgId) -> Sequence[ProviderView]:
        """Every provider with its models, by name, without what `secret` tells."""
        ...


class Secrets(Protocol):
    """Credentials by reference."""

    def read(self, reference: str) -> str | None:
        """The secret now; None when the reference leads nowhere. It is never logged or stored."""
        ...


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call that ended: who paid for what. `answered` is false when nothing came."""

    org_id: OrgId
    principal: str
    alias: str
    deployment: str
    answered: bool
    tokens: TokenUse
    usd: float


class Spending(Protocol):
    """What was spent; exact under concurrency."""

    async def reserve(self, org_id: OrgId, budgets: Sequence[Budget], usd: float) -> UUID:
        """Set aside what a call may cost in every budget; raises BudgetExceeded when it does not fit into one."""
        ...

    async def settle(self, reservation: UUID, usd: float) -> None:
        """Count what the call did cost, and let the rest go."""
        ...

    async def purge(self) -> None:
        """Count reservations as spent whose process died."""
        ...

    def note(self, call: ModelCall) -> None:
        """Add a call to the statistics; written down a moment later."""
        ...

    async def uses(self, org_id: OrgId, days: int) -> Sequence[ModelUse]: ...

    async def budgets(self, org_id: OrgId, budgets: Sequence[Budget]) -> Sequence[BudgetView]: ...
