"""The catalogue read model: its rows as the projection writes them, and catalogues remembered by a process."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cachebox import LRUCache

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.pool import Connection, Pool, run
from ryorin.adapters.postgres.projections import Schema
from ryorin.contexts.gateway.catalogue import Budget, Catalogue, Deployment, ModelSpec, ProviderSpec
from ryorin.contexts.gateway.queries import ProviderView, ServedModel
from ryorin.kernel.codec import from_json, to_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

DDL = """
CREATE TABLE gateway_providers_g{g} (
    org_id text NOT NULL, provider text NOT NULL, spec jsonb NOT NULL, PRIMARY KEY (org_id, provider));
CREATE TABLE gateway_models_g{g} (
    org_id text NOT NULL, provider text NOT NULL, alias text NOT NULL, spec jsonb NOT NULL,
    PRIMARY KEY (org_id, provider, alias));
CREATE TABLE gateway_budgets_g{g} (
    org_id text NOT NULL, subject text NOT NULL, usd double precision NOT NULL, period text NOT NULL,
    PRIMARY KEY (org_id, subject));
"""
SCHEMA = Schema(DDL, ("gateway_providers", "gateway_models", "gateway_budgets"))

PUT_PROVIDER = """
INSERT INTO gateway_providers_g{g} (org_id, provider, spec) VALUES (%s, %s, %s)
ON CONFLICT (org_id, provider) DO UPDATE SET spec = excluded.spec
"""
REMOVE_PROVIDER = "DELETE FROM gateway_providers_g{g} WHERE org_id = %s AND provider = %s"
REMOVE_MODELS = "DELETE FROM gateway_models_g{g} WHERE org_id = %s AND provider = %s"
PUT_MODEL = """
INSERT INTO gateway_models_g{g} (org_id, provider, alias, spec) VALUES (%s, %s, %s, %s)
ON CONFLICT (org_id, provider, alias) DO UPDATE SET spec = excluded.spec
"""
REMOVE_MODEL = "DELETE FROM gateway_models_g{g} WHERE org_id = %s AND provider = %s AND alias = %s"
SET_BUDGET = """
INSERT INTO gateway_budgets_g{g} (org_id, subject, usd, period) VALUES (%s, %s, %s, %s)
ON CONFLICT (org_id, subject) DO UPDATE SET usd = excluded.usd, period = excluded.period
"""
REMOVE_BUDGET = "DELETE FROM gateway_budgets_g{g} WHERE org_id = %s AND subject = %s"
PROVIDERS = """
SELECT p.provider, p.spec, m.alias, m.spec AS model
FROM gateway_providers p LEFT JOIN gateway_models m USING (org_id, provider)
WHERE p.org_id = %s ORDER BY p.provider, m.alias
"""
BUDGETS = "SELECT subject, usd, period FROM gateway_budgets WHERE org_id = %s ORDER BY subject"
TOLD = "catalogue\x1f"
REMEMBERED = 10_000


class PostgresCatalogueRows:
    """The `CatalogueRows` port on one connection and generation."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def _run(self, statement: str, *parameters: object) -> None:
        await run(self._connection, statement.replace("{g}", str(self._generation)), parameters)

    async def put_provider(self, org_id: OrgId, provider: str, spec: ProviderSpec) -> None:
        """Write a provider."""
        await self._run(PUT_PROVIDER, org_id, provider, _stored(spec))

    async def remove_provider(self, org_id: OrgId, provider: str) -> None:
        """Delete a provider with its models."""
        await self._run(REMOVE_PROVIDER, org_id, provider)
        await self._run(REMOVE_MODELS, org_id, provider)

    async def put_model(self, org_id: OrgId, provider: str, alias: str, spec: ModelSpec) -> None:
        """Write what a provider serves."""
        await self._run(PUT_MODEL, org_id, provider, alias, _stored(spec))

    async def remove_model(self, org_id: OrgId, provider: str, alias: str) -> None:
        """Delete what a provider serves."""
        await self._run(REMOVE_MODEL, org_id, provider, alias)

    async def set_budget(self, org_id: OrgId, budget: Budget) -> None:
        """Write a budget."""
        await self._run(SET_BUDGET, org_id, budget.subject, budget.usd, budget.period)

    async def remove_budget(self, org_id: OrgId, subject: str) -> None:
        """Delete a budget."""
        await self._run(REMOVE_BUDGET, org_id, subject)

    async def changed(self, org_id: OrgId) -> None:
        """Tell every process, when the transaction commits."""
        await run(self._connection, "SELECT pg_notify(%s, %s)", (Channel.EVICTIONS.value, f"{TOLD}{org_id}\x1f\x1f"))


class PostgresCatalogues:
    """The `Catalogues` port; hears notifications through `told` and `connection`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # with the round of notifications in which it was read
        self._known: LRUCache[str, tuple[int, Catalogue]] = LRUCache(REMEMBERED)
        self._round = 0
        self._connected = False

    async def of(self, org_id: OrgId) -> Catalogue:
        """What an organisation has registered; what was known last, while the database does not answer."""
        read_in, known = self._known.get(org_id) or (None, None)
        if known is not None and read_in == self._round and self._connected:
            return known
        began = self._round
        try:
            found = await self._read(org_id)
        except Unavailable:
            if known is None:
                raise
            return known
        self._known[org_id] = began, found
        return found

    async def _read(self, org_id: OrgId) -> Catalogue:
        models: dict[str, tuple[Deployment, ...]] = {}
        for view in await self.providers(org_id):
            for served in view.models:
                deployment = Deployment(served.alias, view.provider, view.spec, served.spec)
                models[served.alias] = (*models.get(served.alias, ()), deployment)
        rows = await self._pool.fetch(BUDGETS, (org_id,))
        return Catalogue(models, {row["subject"]: Budget(**row) for row in rows})

    async def providers(self, org_id: OrgId) -> Sequence[ProviderView]:
        """Every provider with its models."""
        views: dict[str, ProviderView] = {}
        for row in await self._pool.fetch(PROVIDERS, (org_id,)):
            spec = from_json(ProviderSpec, row["spec"])
            before = views.get(row["provider"])
            models = before.models if before else ()
            if row["alias"] is not None:
                models = (*models, ServedModel(row["alias"], from_json(ModelSpec, row["model"])))
            views[row["provider"]] = ProviderView(row["provider"], spec, models, None)
        return list(views.values())

    def told(self, payload: str) -> None:
        """Take a notification: `catalogue US org US US`; others are not for us."""
        if payload.startswith(TOLD):
            self._round += 1

    def connection(self, connected: bool) -> None:
        """Notifications begin to arrive (True), or may get lost (False)."""
        self._connected = connected
        self._round += 1


def _stored(spec: ProviderSpec | ModelSpec) -> str:
    return json.dumps(to_json(spec), ensure_ascii=False)
