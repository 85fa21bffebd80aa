"""Which models an actor may use: those that its organisation registered, and before those nobody did, the server's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ryorin.contexts.answers.module import ChatModel
from ryorin.contexts.answers.queries import ListModels, ModelView
from ryorin.contexts.gateway.catalogue import ORGANISATION, Catalogue, Deployment, PriceTable
from ryorin.contexts.gateway.module import Catalogues, Spending
from ryorin.kernel.bounded import Remembered
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import Actor, OrgId
from ryorin.kernel.ports import Clock, Telemetry
from ryorin.processes.make_answer import EXTRACTIVE
from ryorin.processes.model_calls import Meter, Route, RoutedModel
from ryorin.processes.model_lanes import Lane, LaneState

# failures in a row after which a deployment is left alone, and for how long (seconds)
FAILURES, PAUSE_SECONDS = 5, 15.0
MAX_LANES = 10_000
# makes a breaker by its name, failures in a row and pause (seconds)
Breakers = Callable[[str, int, float], CircuitBreaker]
NOTHING = Catalogue()


@dataclass(frozen=True, slots=True)
class Standing:
    """A model of the server's own settings; `kind` is what lists show."""

    deployment: Deployment
    model: ChatModel
    kind: str
    owned_by: str


class ModelDirectory:
    """The `ChatModels` port; `connect` opens a way to a registered deployment."""

    def __init__(
        self,
        catalogues: Catalogues,
        standing: Sequence[Standing],
        connect: Callable[[Deployment], ChatModel],
        spending: Spending,
        clock: Clock,
        telemetry: Telemetry,
        breakers: Breakers | None = None,
    ) -> None:
        self._catalogues = catalogues
        self._standing: Mapping[str, Standing] = {one.deployment.alias: one for one in standing}
        self._connect = connect
        self._spending = spending
        self._clock = clock
        self._telemetry = telemetry
        self._breakers = breakers or (lambda name, failures, pause: CircuitBreaker(clock, failures, pause))
        # by what it is, so that a deployment that was changed begins anew
        self._models: Remembered[tuple[OrgId, str, str], tuple[Catalogue, RoutedModel]] = Remembered(MAX_LANES)
        self._lanes: Remembered[tuple[OrgId | None, Deployment], Lane] = Remembered(MAX_LANES)

    async def find(self, actor: Actor, alias: str) -> ChatModel | None:
        """The model, with its fallbacks behind it; None when there is none of that alias."""
        catalogue = await self._catalogue(actor)
        key = (actor.org_id, actor.principal_id, alias)
        known = self._models.get(key)
        if known is not None and known[0] is catalogue:
            return known[1]
        model = self._routed(catalogue, actor, alias)
        if model is not None:
            self._models.put(key, (catalogue, model))
        return model

    def _routed(self, catalogue: Catalogue, actor: Actor, alias: str) -> RoutedModel | None:
        own = self._route(actor.org_id, catalogue, alias)
        if own is None:
            return None
        behind = dict.fromkeys(name for lane in own.lanes for name in lane.deployment.serves.fallbacks)
        others = [self._route(actor.org_id, catalogue, name) for name in behind]
        budgets = [catalogue.budgets[name] for name in (ORGANISATION, actor.principal_id) if name in catalogue.budgets]
        meter = Meter(actor, budgets, self._spending, self._telemetry)
        return RoutedModel([own, *(one for one in others if one is not None)], meter)

    async def _catalogue(self, actor: Actor) -> Catalogue:
        try:
            return await self._catalogues.of(actor.org_id)
        except Unavailable:
            # the server's own models need no database; nobody can say whether there is a budget, and answers
            # that are kept do not cost anything
            if not self._standing:
                raise
            return NOTHING

    def _route(self, org_id: OrgId, catalogue: Catalogue, alias: str) -> Route | None:
        registered = catalogue.models.get(alias)
        if registered:
            return Route(alias, [self._lane(org_id, one) for one in registered])
        standing = self._standing.get(alias)
        return Route(alias, [self._lane(None, standing.deployment)]) if standing else None

    def _lane(self, org_id: OrgId | None, deployment: Deployment) -> Lane:
        key = (org_id, deployment)
        lane = self._lanes.get(key)
        if lane is None:
            model = self._standing[deployment.alias].model if org_id is None else self._connect(deployment)
            # what was changed is another deployment, about which nothing is known yet
            breaker = self._breakers(repr((org_id, to_json(deployment))), FAILURES, PAUSE_SECONDS)
            lane = Lane(deployment, model, LaneState(breaker))
            self._lanes.put(key, lane)
        return lane

    async def aliases(self, actor: Actor) -> Sequence[ModelView]:
        """All there are, the extractive answerer first."""
        catalogue = await self._catalogue(actor)
        registered = [
            ModelView(alias, deployments[0].reached.kind, deployments[0].provider)
            for alias, deployments in sorted(catalogue.models.items())
        ]
        standing = [
            ModelView(alias, one.kind, one.owned_by)
            for alias, one in self._standing.items()
            if alias not in catalogue.models
        ]
        return [ModelView(EXTRACTIVE, "extractive", "ryorin"), *standing, *registered]

    async def prices(self, org_id: OrgId) -> Mapping[str, PriceTable]:
        """What models cost by alias; of several deployments, the first one's."""
        catalogue = await self._catalogues.of(org_id)
        standing = {alias: one.deployment.serves.price for alias, one in self._standing.items()}
        return standing | {alias: deployments[0].serves.price for alias, deployments in catalogue.models.items()}

    async def listed(self, query: ListModels, actor: Actor) -> tuple[ModelView, ...]:
        """Handler of `ListModels`."""
        return tuple(await self.aliases(actor))
