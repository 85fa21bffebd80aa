"""Builds traffic: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.contexts.traffic import commands, queries
from ryorin.contexts.traffic.domain.standing import standing
from ryorin.contexts.traffic.ports import Objectives, Samples, Traffic
from ryorin.contexts.traffic.read.projections import ObjectivesProjection
from ryorin.contexts.traffic.read.traffic_queries import TrafficQueries
from ryorin.contexts.traffic.write.handlers import (
    AssessObjectiveHandler,
    GiveFeedbackHandler,
    PutObjectiveHandler,
    RemoveObjectiveHandler,
)
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import EventStore

__all__ = ["ObjectivesProjection", "Ports", "command_handlers", "query_handlers", "standing"]


@dataclass(frozen=True, slots=True)
class Ports:
    """What traffic stands on."""

    events: EventStore
    objectives: Objectives
    traffic: Traffic
    samples: Samples


def command_handlers(ports: Ports) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.PutObjective: PutObjectiveHandler(),
        commands.RemoveObjective: RemoveObjectiveHandler(),
        commands.AssessObjective: AssessObjectiveHandler(ports.events, ports.traffic),
        commands.GiveFeedback: GiveFeedbackHandler(ports.samples),
    }


def query_handlers(ports: Ports) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    handlers = TrafficQueries(ports.objectives, ports.traffic, ports.samples)
    return {
        queries.ListObjectives: handlers.objectives,
        queries.GetObjective: handlers.objective,
        queries.GetPromptUsage: handlers.usage,
        queries.ListSamples: handlers.samples,
    }
