"""Wires annotation: on PostgreSQL, held against evaluations through the query bus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ryorin.adapters.postgres.annotations import PostgresAnnotations
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.annotation import module as annotation
from ryorin.contexts.annotation.queries import CalibrateJudge
from ryorin.contexts.annotation.specs import AnnotationItem
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query, Scope
from ryorin.kernel.storable import check_storable
from ryorin.processes.calibrate_judge import JudgeCalibrations


@dataclass(frozen=True, slots=True)
class Annotating:
    """What others use of annotation."""

    base: Foundation
    store: PostgresAnnotations
    bus: Callable[[], QueryBus]

    async def items(self, actor: Actor, queue: str, items: Sequence[AnnotationItem]) -> str:
        """Store answers before the command that has them judged; the name of their batch."""
        _require(actor)
        if not items:
            raise InvalidInput("there are no such answers to be judged")
        return await self.store.store(actor.org_id, queue, items)

    async def comment(self, actor: Actor, queue: str, item: str, text: str) -> None:
        """Store a comment before the command that judges."""
        _require(actor)
        for name, given in (("queue", queue), ("item", item), ("comment", text)):
            check_storable(given, name)
        await self.store.comment(actor.org_id, queue, item, actor.principal_id, text)

    def command_handlers(self) -> Mapping[type[Command], CommandHandler[Any, Any]]:
        """The write side."""
        return annotation.command_handlers(self.base.events, self.store)

    def query_handlers(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read side."""
        calibrations = JudgeCalibrations(self.store, self.bus)
        return {**annotation.query_handlers(self.store), CalibrateJudge: calibrations}


def build_annotation(base: Foundation, bus: Callable[[], QueryBus]) -> Annotating:
    """Connect annotation."""
    return Annotating(base, PostgresAnnotations(base.pool), bus)


def _require(actor: Actor) -> None:
    if not actor.may(Scope.PROMPTS_WRITE):
        raise Forbidden(f"annotating needs the scope {Scope.PROMPTS_WRITE.value!r}, which this credential lacks")
