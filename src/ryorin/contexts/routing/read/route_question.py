"""Says which experts a question is for: by the trained gate, or by descriptions while there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import numpy as np

from ryorin.contexts.routing.domain.gate import THRESHOLD, Gate
from ryorin.contexts.routing.domain.network import Floats, softmax
from ryorin.contexts.routing.experts import Expert, GateVersion, RoutingDecision
from ryorin.contexts.routing.ports import Decisions, QuestionVectors, RoutingObjects, Routings
from ryorin.contexts.routing.queries import MAX_QUESTION_CHARACTERS, RouteQuestion
from ryorin.kernel.bounded import Remembered
from ryorin.kernel.messages import Actor, OrgId
from ryorin.kernel.ports import Ids

# gates in memory, two megabytes each, and vectors of descriptions
REMEMBERED_GATES, REMEMBERED_DESCRIPTIONS = 32, 10_000
# how much a likeness of .1 more counts among descriptions
DESCRIPTION_TEMPERATURE = 0.05
# below this likeness no description is near
DESCRIPTION_FLOOR = 0.25


class RouteQuestionHandler:
    """Handler of `RouteQuestion`."""

    def __init__(
        self,
        routings: Routings,
        objects: RoutingObjects,
        vectors: QuestionVectors,
        decisions: Decisions,
        ids: Ids,
    ) -> None:
        self._routings = routings
        self._objects = objects
        self._vectors = vectors
        self._decisions = decisions
        self._ids = ids
        self._gates: Remembered[str, Gate] = Remembered(REMEMBERED_GATES)
        self._described: Remembered[str, Floats] = Remembered(REMEMBERED_DESCRIPTIONS)

    async def __call__(self, query: RouteQuestion, actor: Actor) -> RoutingDecision:
        started = perf_counter()
        text = query.text[:MAX_QUESTION_CHARACTERS]
        experts = await self._routings.experts(actor.org_id)
        vector = await self._vectors.embed([text])
        embedded = perf_counter()
        trained = await self._active(actor.org_id)
        if trained is not None:
            version, gate = trained
            weights, inside = _by_gate(gate, vector, text, {one.name for one in experts})
            number: int | None = version.version
        else:
            weights, inside = await self._by_description(vector, experts)
            number = None
        best = dict(sorted(weights.items(), key=lambda one: -one[1])[: query.top_k])
        stages = {
            "embed": round((embedded - started) * 1000, 3),
            "gate": round((perf_counter() - embedded) * 1000, 3),
        }
        decision = RoutingDecision(
            f"route-{self._ids.new().hex}", number, best, round(inside, 4), inside < THRESHOLD or not best, stages
        )
        if query.remember:
            self._decisions.remember(actor.org_id, text, decision)
        return decision

    async def _active(self, org_id: OrgId) -> tuple[GateVersion, Gate] | None:
        """The gate that decides; none when it was trained on another embedding."""
        known = await self._routings.gates(org_id)
        version = next((one for one in known.versions if one.version == known.active), None)
        if version is None or version.embedding != self._vectors.name:
            return None
        gate = self._gates.get(version.content_hash)
        if gate is None:
            content = await self._objects.get(org_id, version.content_hash)
            if content is None:
                return None
            gate = await asyncio.to_thread(Gate.load, content)
            self._gates.put(version.content_hash, gate)
        return version, gate

    async def _by_description(self, vector: Floats, experts: Sequence[Expert]) -> tuple[dict[str, float], float]:
        if not experts:
            return {}, 0.0
        rows = [await self._description(one) for one in experts]
        likeness = (vector @ np.stack(rows).T)[0]
        weights = softmax((likeness / np.float32(DESCRIPTION_TEMPERATURE))[np.newaxis])[0]
        found = {one.name: round(float(weight), 4) for one, weight in zip(experts, weights, strict=True)}
        return found, 1.0 if float(likeness.max()) >= DESCRIPTION_FLOOR else 0.0

    async def _description(self, expert: Expert) -> Floats:
        known = self._described.get(expert.spec.description)
        if known is None:
            known = (await self._vectors.embed([expert.spec.description[:MAX_QUESTION_CHARACTERS]]))[0]
            self._described.put(expert.spec.description, known)
        return known


def _by_gate(gate: Gate, vector: Floats, text: str, present: set[str]) -> tuple[dict[str, float], float]:
    """Weights of the experts that there are; those the gate knows and nobody registered are left out."""
    weights, inside = gate.decide(vector, [text])
    found = {
        name: round(float(weight), 4)
        for name, weight in zip(gate.labels, weights[0], strict=True)
        if not present or name in present
    }
    return found, float(inside[0])
