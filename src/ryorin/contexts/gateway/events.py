"""What happened to providers, models and budgets; no event holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.gateway.catalogue import ModelSpec, Period, ProviderSpec
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ProviderPut(Event):
    """A provider is reached so from here on."""

    type: ClassVar[str] = "gateway.provider_put"

    provider: str
    spec: ProviderSpec


@dataclass(frozen=True, slots=True)
class ProviderRemoved(Event):
    """A provider is gone, and its models with it."""

    type: ClassVar[str] = "gateway.provider_removed"

    provider: str


@dataclass(frozen=True, slots=True)
class ModelPut(Event):
    """A provider answers for an alias from here on."""

    type: ClassVar[str] = "gateway.model_put"

    provider: str
    alias: str
    spec: ModelSpec


@dataclass(frozen=True, slots=True)
class ModelRemoved(Event):
    """A provider no longer answers for an alias."""

    type: ClassVar[str] = "gateway.model_removed"

    provider: str
    alias: str


@dataclass(frozen=True, slots=True)
class BudgetSet(Event):
    """So much may be spent in each period from here on (USD)."""

    type: ClassVar[str] = "gateway.budget_set"

    subject: str
    usd: float
    period: Period


@dataclass(frozen=True, slots=True)
class BudgetRemoved(Event):
    """There is no bound any more."""

    type: ClassVar[str] = "gateway.budget_removed"

    subject: str


EVENTS: tuple[type[Event], ...] = (ProviderPut, ProviderRemoved, ModelPut, ModelRemoved, BudgetSet, BudgetRemoved)
