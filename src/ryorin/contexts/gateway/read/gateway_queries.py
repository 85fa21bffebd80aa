"""Queries about providers and spending."""

from __future__ import annotations

from dataclasses import replace

from ryorin.contexts.gateway.queries import GetSpend, ListProviders, ProviderView, SpendReport
from ryorin.contexts.gateway.read.ports import Catalogues, Secrets, Spending
from ryorin.kernel.messages import Actor


class GatewayQueries:
    """One method per query."""

    def __init__(self, catalogues: Catalogues, spending: Spending, secrets: Secrets) -> None:
        self._catalogues = catalogues
        self._spending = spending
        self._secrets = secrets

    async def providers(self, query: ListProviders, actor: Actor) -> tuple[ProviderView, ...]:
        return tuple(self._with_secret(view) for view in await self._catalogues.providers(actor.org_id))

    def _with_secret(self, view: ProviderView) -> ProviderView:
        reference = view.spec.secret
        return view if reference is None else replace(view, secret=self._secrets.read(reference) is not None)

    async def spend(self, query: GetSpend, actor: Actor) -> SpendReport:
        catalogue = await self._catalogues.of(actor.org_id)
        uses = tuple(await self._spending.uses(actor.org_id, query.days))
        budgets = await self._spending.budgets(actor.org_id, tuple(catalogue.budgets.values()))
        return SpendReport(query.days, round(sum(use.usd for use in uses), 9), uses, tuple(budgets))
