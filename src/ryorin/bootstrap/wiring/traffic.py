"""Wires traffic: counted in memory and kept on PostgreSQL, scored and watched in the background."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.adapters.postgres.notifications import Channel
from ryorin.adapters.postgres.objectives import PostgresObjectives
from ryorin.adapters.postgres.samples import PostgresSamples
from ryorin.adapters.postgres.traffic import PostgresTraffic, PostgresTrafficNotes
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.evaluation.module import Scoring
from ryorin.contexts.traffic import module as traffic
from ryorin.contexts.traffic.commands import MAX_FEEDBACK_CHARACTERS
from ryorin.contexts.traffic.specs import Feedback
from ryorin.kernel.bus import CommandBus
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query, Scope
from ryorin.kernel.storable import check_storable
from ryorin.processes.prompt_traffic import PromptTraffic
from ryorin.processes.score_samples import SampleScorer
from ryorin.processes.semantic_hits import Embed
from ryorin.processes.watch_objectives import ObjectiveWatch


@dataclass(frozen=True, slots=True)
class Observing:
    """What others use of traffic."""

    ports: traffic.Ports
    notes: PostgresTrafficNotes
    watching: PromptTraffic
    scorer: SampleScorer
    watch: ObjectiveWatch
    samples: PostgresSamples

    async def keep_feedback(self, actor: Actor, correction: str | None, comment: str) -> str:
        """Store what is said of an answer before the command that rates it; its id. Raises Forbidden, InvalidInput."""
        if not actor.may(Scope.ANSWERS_READ):
            raise Forbidden(f"feedback needs the scope {Scope.ANSWERS_READ.value!r}, which this credential lacks")
        check_storable(correction, "correction")
        check_storable(comment, "comment")
        if max(len(correction or ""), len(comment)) > MAX_FEEDBACK_CHARACTERS:
            raise InvalidInput(f"corrections and comments have at most {MAX_FEEDBACK_CHARACTERS} characters")
        return await self.samples.say(actor.org_id, Feedback("good", correction, comment, actor.principal_id))

    def command_handlers(self) -> Mapping[type[Command], CommandHandler[Any, Any]]:
        """The write side."""
        return traffic.command_handlers(self.ports)

    def query_handlers(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read side."""
        return traffic.query_handlers(self.ports)


def build_traffic(base: Foundation, scoring: Scoring, embed: Embed, bus: Callable[[], CommandBus]) -> Observing:
    """Connect traffic."""
    objectives = PostgresObjectives(base.pool)
    base.notifications.subscribe(Channel.EVICTIONS, objectives.told)
    base.notifications.on_connection(objectives.connection)
    counted, samples = PostgresTraffic(base.pool), PostgresSamples(base.pool)
    notes = PostgresTrafficNotes(base.pool, objectives)
    return Observing(
        traffic.Ports(base.events, objectives, counted, samples),
        notes,
        PromptTraffic(notes, base.clock, base.ids, random.random, base.telemetry),
        SampleScorer(samples, objectives, scoring, embed, base.telemetry),
        ObjectiveWatch(objectives, counted, bus),
        samples,
    )
