"""Builds routing: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.contexts.routing import commands, queries
from ryorin.contexts.routing.experts import Expert
from ryorin.contexts.routing.ports import Decisions, Judgements, QuestionVectors, RoutingObjects, Routings
from ryorin.contexts.routing.queries import GatesView
from ryorin.contexts.routing.read.projections import RoutingProjection
from ryorin.contexts.routing.read.route_question import RouteQuestionHandler
from ryorin.contexts.routing.write import examples
from ryorin.contexts.routing.write.handlers import (
    ActivateGateHandler,
    JudgeRoutingHandler,
    PutExpertHandler,
    RemoveExpertHandler,
)
from ryorin.contexts.routing.write.train_gate import TrainGateHandler
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import Ids

__all__ = ["Ports", "RoutingProjection", "command_handlers", "examples", "query_handlers"]


@dataclass(frozen=True, slots=True)
class Ports:
    """What routing needs."""

    routings: Routings
    objects: RoutingObjects
    vectors: QuestionVectors
    judgements: Judgements
    decisions: Decisions
    ids: Ids


def command_handlers(ports: Ports) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.PutExpert: PutExpertHandler(),
        commands.RemoveExpert: RemoveExpertHandler(),
        commands.TrainGate: TrainGateHandler(ports.objects, ports.vectors, ports.judgements, ports.routings),
        commands.ActivateGate: ActivateGateHandler(),
        commands.JudgeRouting: JudgeRoutingHandler(ports.judgements, ports.routings),
    }


def query_handlers(ports: Ports) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""

    async def list_experts(query: queries.ListExperts, actor: Actor) -> tuple[Expert, ...]:
        return tuple(await ports.routings.experts(actor.org_id))

    async def list_gates(query: queries.ListGates, actor: Actor) -> GatesView:
        return await ports.routings.gates(actor.org_id)

    return {
        queries.ListExperts: list_experts,
        queries.ListGates: list_gates,
        queries.RouteQuestion: RouteQuestionHandler(
            ports.routings, ports.objects, ports.vectors, ports.decisions, ports.ids
        ),
    }
