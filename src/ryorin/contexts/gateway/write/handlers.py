"""Use cases of the gateway; each is a line or two of its aggregate."""

from __future__ import annotations

from dataclasses import replace

from ryorin.contexts.gateway.catalogue import PriceTable
from ryorin.contexts.gateway.commands import (
    GatewayChanged,
    PutModel,
    PutProvider,
    RemoveBudget,
    RemoveModel,
    RemoveProvider,
    SetBudget,
)
from ryorin.contexts.gateway.domain.budget import SpendingBudget
from ryorin.contexts.gateway.domain.llm_provider import LLMProvider
from ryorin.contexts.gateway.write.ports import PriceBook
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class PutProviderHandler(CommandHandler[PutProvider, None]):
    """Registers a provider."""

    async def decide(self, command: PutProvider, prepared: None, run: Run, work: UnitOfWork) -> GatewayChanged:
        provider = await work.load(LLMProvider(run.actor.org_id, command.provider))
        provider.put(command.spec)
        await work.save(provider)
        return GatewayChanged(command.provider)


class RemoveProviderHandler(CommandHandler[RemoveProvider, None]):
    """Forgets a provider."""

    async def decide(self, command: RemoveProvider, prepared: None, run: Run, work: UnitOfWork) -> GatewayChanged:
        provider = await work.load(LLMProvider(run.actor.org_id, command.provider))
        provider.remove()
        await work.save(provider)
        return GatewayChanged(command.provider)


class PutModelHandler(CommandHandler[PutModel, PriceTable | None]):
    """Has a provider serve an alias; looks its price up where none was given."""

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices

    async def prepare(self, command: PutModel, run: Run) -> PriceTable | None:
        return None if command.priced else await self._prices.price(command.spec.model)

    async def decide(
        self, command: PutModel, prepared: PriceTable | None, run: Run, work: UnitOfWork
    ) -> GatewayChanged:
        provider = await work.load(LLMProvider(run.actor.org_id, command.provider))
        provider.put_model(command.alias, replace(command.spec, price=prepared or command.spec.price))
        await work.save(provider)
        return GatewayChanged(command.alias)


class RemoveModelHandler(CommandHandler[RemoveModel, None]):
    """Has a provider no longer serve an alias."""

    async def decide(self, command: RemoveModel, prepared: None, run: Run, work: UnitOfWork) -> GatewayChanged:
        provider = await work.load(LLMProvider(run.actor.org_id, command.provider))
        provider.remove_model(command.alias)
        await work.save(provider)
        return GatewayChanged(command.alias)


class SetBudgetHandler(CommandHandler[SetBudget, None]):
    """Bounds spending."""

    async def decide(self, command: SetBudget, prepared: None, run: Run, work: UnitOfWork) -> GatewayChanged:
        budget = await work.load(SpendingBudget(run.actor.org_id, command.subject))
        budget.set(command.usd, command.period)
        await work.save(budget)
        return GatewayChanged(command.subject)


class RemoveBudgetHandler(CommandHandler[RemoveBudget, None]):
    """Lifts a bound."""

    async def decide(self, command: RemoveBudget, prepared: None, run: Run, work: UnitOfWork) -> GatewayChanged:
        budget = await work.load(SpendingBudget(run.actor.org_id, command.subject))
        budget.remove()
        await work.save(budget)
        return GatewayChanged(command.subject)
