"""What happened to experts and gates; examples and networks are named by their hashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.routing.experts import ExpertSpec, GateVersion
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class ExpertPut(Event):
    """An expert is there, or is another one."""

    type: ClassVar[str] = "routing.expert_put"

    expert: str
    spec: ExpertSpec


@dataclass(frozen=True, slots=True)
class ExpertRemoved(Event):
    """An expert is gone."""

    type: ClassVar[str] = "routing.expert_removed"

    expert: str


@dataclass(frozen=True, slots=True)
class GateTrained(Event):
    """A version of the gate was trained and evaluated."""

    type: ClassVar[str] = "routing.gate_trained"

    trained: GateVersion


@dataclass(frozen=True, slots=True)
class GateActivated(Event):
    """A version decides from here on."""

    type: ClassVar[str] = "routing.gate_activated"

    version: int


@dataclass(frozen=True, slots=True)
class RoutingJudged(Event):
    """Somebody said which expert a decision should have named."""

    type: ClassVar[str] = "routing.routing_judged"

    decision: str
    expert: str | None


EVENTS: tuple[type[Event], ...] = (ExpertPut, ExpertRemoved, GateTrained, GateActivated, RoutingJudged)
