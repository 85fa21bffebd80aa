"""Answers what is asked about objectives, usage and stored answers."""

from __future__ import annotations

from ryorin.contexts.traffic.domain.standing import standing
from ryorin.contexts.traffic.errors import ObjectiveNotFound
from ryorin.contexts.traffic.ports import Objectives, Samples, Traffic
from ryorin.contexts.traffic.queries import (
    GetObjective,
    GetPromptUsage,
    ListObjectives,
    ListSamples,
    ObjectiveReport,
    ObjectiveView,
    PromptUse,
    SamplesPage,
)
from ryorin.kernel.messages import Actor


class TrafficQueries:
    """Handlers of the queries on traffic."""

    def __init__(self, objectives: Objectives, traffic: Traffic, samples: Samples) -> None:
        self._objectives = objectives
        self._traffic = traffic
        self._samples = samples

    async def objectives(self, query: ListObjectives, actor: Actor) -> tuple[ObjectiveView, ...]:
        """Handle `ListObjectives`."""
        found = await self._objectives.all(actor.org_id)
        return tuple(one for one in found if query.prompt in (None, one.spec.prompt))

    async def objective(self, query: GetObjective, actor: Actor) -> ObjectiveReport:
        """Handle `GetObjective`."""
        found = next((one for one in await self._objectives.all(actor.org_id) if one.name == query.objective), None)
        if found is None:
            raise ObjectiveNotFound(f"there is no objective {query.objective!r}")
        return ObjectiveReport(found, await standing(self._traffic, actor.org_id, found.name, found.spec))

    async def usage(self, query: GetPromptUsage, actor: Actor) -> tuple[PromptUse, ...]:
        """Handle `GetPromptUsage`."""
        return tuple(await self._traffic.uses(actor.org_id, query.prompt, query.days))

    async def samples(self, query: ListSamples, actor: Actor) -> SamplesPage:
        """Handle `ListSamples`."""
        found = await self._samples.page(
            actor, query.prompt, query.label, query.version, query.rating, query.offset, query.limit + 1
        )
        more = len(found) > query.limit
        return SamplesPage(tuple(found[: query.limit]), query.offset + query.limit if more else None)
