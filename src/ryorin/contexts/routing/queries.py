"""What can be asked about experts, gates, and which expert a question is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.routing.experts import Expert, GateVersion, RoutingDecision
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

ROUTING_MODEL = "routing.experts"
MAX_EXPERTS_ASKED = 8
MAX_QUESTION_CHARACTERS = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListExperts(Query[tuple[Expert, ...]]):
    """Which experts are there?"""

    name: ClassVar[str] = "routing.list_experts"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (ROUTING_MODEL,)


@dataclass(frozen=True, slots=True)
class GatesView:
    """The gate's versions, newest first, and which one decides."""

    active: int | None
    versions: tuple[GateVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGates(Query[GatesView]):
    """Which versions of the gate were trained, and how well do they decide?"""

    name: ClassVar[str] = "routing.list_gates"
    scope: ClassVar[Scope] = Scope.OPERATIONS
    read_models: ClassVar[tuple[str, ...]] = (ROUTING_MODEL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuestion(Query[RoutingDecision]):
    """Which experts is a question for? `remember`: the decision may be judged later."""

    name: ClassVar[str] = "routing.route_question"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (ROUTING_MODEL,)

    text: str
    top_k: int = 3
    remember: bool = True

    def validate(self) -> None:
        if not self.text.strip():
            raise InvalidInput("the question is empty")
        if not 1 <= self.top_k <= MAX_EXPERTS_ASKED:
            raise InvalidInput(f"top_k is {self.top_k}; it must be 1-{MAX_EXPERTS_ASKED}")
