"""Builds evaluation: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ryorin.contexts.evaluation import commands, queries
from ryorin.contexts.evaluation.domain.comparison import COSTS
from ryorin.contexts.evaluation.domain.datasets import split_up
from ryorin.contexts.evaluation.domain.genome import genome_of
from ryorin.contexts.evaluation.domain.intent import read as read_prompt
from ryorin.contexts.evaluation.domain.intent_changes import changes
from ryorin.contexts.evaluation.domain.statements import Meaning
from ryorin.contexts.evaluation.domain.statistics import corrected_rate
from ryorin.contexts.evaluation.ports import (
    DatasetContents,
    Evaluations,
    ForeignMetrics,
    ItemResults,
    Shapes,
    Subject,
    Tagger,
    TextVectors,
)
from ryorin.contexts.evaluation.read.evaluation_queries import EvaluationQueries
from ryorin.contexts.evaluation.read.examine_intent import IntentQueries
from ryorin.contexts.evaluation.read.projections import EvaluationProjection
from ryorin.contexts.evaluation.write.handlers import (
    PutDatasetHandler,
    PutStyleHandler,
    RemoveDatasetHandler,
    RemoveStyleHandler,
)
from ryorin.contexts.evaluation.write.run_evaluation import RunEvaluationHandler
from ryorin.contexts.evaluation.write.scoring import Scoring, tell
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import EventStore, Telemetry

__all__ = [
    "COSTS",
    "EvaluationProjection",
    "Meaning",
    "Ports",
    "Scoring",
    "changes",
    "command_handlers",
    "corrected_rate",
    "genome_of",
    "query_handlers",
    "read_prompt",
    "split_up",
    "tell",
]


@dataclass(frozen=True, slots=True)
class Ports:
    """What evaluation stands on."""

    events: EventStore
    evaluations: Evaluations
    contents: DatasetContents
    results: ItemResults
    subject: Subject
    vectors: TextVectors
    shapes: Shapes
    tagger: Tagger
    foreign: ForeignMetrics
    telemetry: Telemetry

    def scoring(self) -> Scoring:
        """Every metric behind one call."""
        return Scoring(
            self.subject, self.vectors, self.shapes, self.tagger, self.evaluations, self.results, self.foreign
        )


def command_handlers(ports: Ports) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    scoring = ports.scoring()
    return {
        commands.PutDataset: PutDatasetHandler(ports.contents),
        commands.RemoveDataset: RemoveDatasetHandler(),
        commands.PutStyle: PutStyleHandler(),
        commands.RemoveStyle: RemoveStyleHandler(),
        commands.RunEvaluation: RunEvaluationHandler(
            ports.events, ports.evaluations, ports.contents, ports.results, ports.subject, scoring, ports.telemetry
        ),
    }


def query_handlers(ports: Ports) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    handlers = EvaluationQueries(ports.evaluations, ports.contents, ports.results, ports.tagger)
    intents = IntentQueries(ports.subject, ports.vectors)
    return {
        queries.ListDatasets: handlers.datasets,
        queries.ListStyles: handlers.styles,
        queries.ExamineIntent: intents.examine,
        queries.DiffIntent: intents.diff,
        queries.MeasureStyle: handlers.style,
        queries.GetDataset: handlers.dataset,
        queries.ListItems: handlers.items,
        queries.ListEvaluations: handlers.listed,
        queries.GetEvaluation: handlers.one,
        queries.ListResults: handlers.page,
        queries.CompareEvaluations: handlers.compare,
        queries.ForecastEvaluation: handlers.forecast,
    }
