"""What can be asked about providers, models and spending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from ryorin.contexts.gateway.catalogue import Budget, ModelSpec, ProviderSpec, TokenUse
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

CATALOGUE_MODEL = "gateway.catalogue"
MAX_DAYS = 400


@dataclass(frozen=True, slots=True)
class ServedModel:
    """An alias that a provider answers for."""

    alias: str
    spec: ModelSpec


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider with its models; `secret` tells whether the reference leads anywhere on the server that was asked."""

    provider: str
    spec: ProviderSpec
    models: tuple[ServedModel, ...]
    secret: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders(Query[tuple[ProviderView, ...]]):
    """Which providers has the organisation registered, and what do they serve?"""

    name: ClassVar[str] = "gateway.list_providers"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    read_models: ClassVar[tuple[str, ...]] = (CATALOGUE_MODEL,)


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget and what is gone of it in this period (USD)."""

    budget: Budget
    spent_usd: float
    reserved_usd: float


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Calls of one model by one principal on one day; `failed` had no answer, and USD are what the price table says."""

    day: date
    principal: str
    alias: str
    deployment: str
    calls: int
    failed: int
    tokens: TokenUse
    usd: float


@dataclass(frozen=True, slots=True)
class SpendReport:
    """What was spent in the last days, and what budgets say."""

    days: int
    usd: float
    uses: tuple[ModelUse, ...]
    budgets: tuple[BudgetView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSpend(Query[SpendReport]):
    """What was spent on models in the last `days` (today among them)?"""

    name: ClassVar[str] = "gateway.get_spend"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    read_models: ClassVar[tuple[str, ...]] = (CATALOGUE_MODEL,)

    days: int = 30

    def validate(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise InvalidInput(f"days is {self.days}; it must be 1-{MAX_DAYS}")
