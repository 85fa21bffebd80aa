"""Wires evaluation: on PostgreSQL, asking through the query bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ryorin.adapters.foreign_metrics.metrics import ForeignMetrics
from ryorin.adapters.postgres.evaluation import (
    PostgresDatasetContents,
    PostgresEvaluations,
    PostgresItemResults,
)
from ryorin.adapters.schemas.json_schema import TextShapes
from ryorin.adapters.taggers.parts_of_speech import PartsOfSpeech
from ryorin.bootstrap.wiring.foundation import Foundation
from ryorin.contexts.evaluation import module as evaluation
from ryorin.contexts.evaluation.specs import DatasetItem, StyleGenome
from ryorin.entrypoints.services import DatasetKeeper
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query, Scope
from ryorin.processes.evaluated_answers import EvaluatedAnswers
from ryorin.processes.promotion import Promotion
from ryorin.processes.semantic_hits import Embed


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """The `TextVectors` port on the default embedding."""

    work: Embed

    async def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), each of length 1."""
        return await self.work(texts, "passage")


@dataclass(frozen=True, slots=True)
class Evaluating:
    """What others use of evaluation."""

    ports: evaluation.Ports
    keep_items: DatasetKeeper
    genome_of: Callable[[Sequence[str]], Awaitable[StyleGenome]]
    promotion: Promotion
    scoring: evaluation.Scoring

    def command_handlers(self) -> Mapping[type[Command], CommandHandler[Any, Any]]:
        """The write side."""
        return evaluation.command_handlers(self.ports)

    def query_handlers(self) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
        """The read side."""
        return evaluation.query_handlers(self.ports)


def build_evaluation(base: Foundation, bus: Callable[[], QueryBus], default_model: str, embed: Embed) -> Evaluating:
    """Connect evaluation."""
    contents = PostgresDatasetContents(base.pool)

    async def keep_items(actor: Actor, given: Sequence[DatasetItem]) -> str:
        if not actor.may(Scope.PROMPTS_WRITE):
            raise Forbidden(f"datasets need the scope {Scope.PROMPTS_WRITE.value!r}, which this credential lacks")
        return await contents.put(actor.org_id, evaluation.split_up(given))

    vectors, tagger = PassageVectors(embed), PartsOfSpeech()

    async def genome_of(samples: Sequence[str]) -> StyleGenome:
        return await asyncio.to_thread(evaluation.genome_of, samples, tagger)

    ports = evaluation.Ports(
        base.events,
        PostgresEvaluations(base.pool),
        contents,
        PostgresItemResults(base.pool),
        EvaluatedAnswers(bus, default_model),
        vectors,
        TextShapes(),
        tagger,
        ForeignMetrics(vectors),
        base.telemetry,
    )
    return Evaluating(ports, keep_items, genome_of, Promotion(bus), ports.scoring())
