"""Builds annotation: which handler answers which message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryorin.contexts.annotation import commands, queries
from ryorin.contexts.annotation.domain.queue import majority
from ryorin.contexts.annotation.ports import Annotations
from ryorin.contexts.annotation.read.annotation_queries import AnnotationQueries
from ryorin.contexts.annotation.read.projections import QueuesProjection
from ryorin.contexts.annotation.write.handlers import (
    AnnotateHandler,
    PutQueueHandler,
    QueueItemsHandler,
    RemoveQueueHandler,
)
from ryorin.kernel.handlers import CommandHandler
from ryorin.kernel.messages import Actor, Command, Query
from ryorin.kernel.ports import EventStore

__all__ = ["QueuesProjection", "command_handlers", "majority", "query_handlers"]


def command_handlers(events: EventStore, annotations: Annotations) -> Mapping[type[Command], CommandHandler[Any, Any]]:
    """The write side's dispatch table."""
    return {
        commands.PutAnnotationQueue: PutQueueHandler(),
        commands.RemoveAnnotationQueue: RemoveQueueHandler(),
        commands.QueueItems: QueueItemsHandler(events, annotations),
        commands.Annotate: AnnotateHandler(annotations),
    }


def query_handlers(annotations: Annotations) -> Mapping[type[Query[Any]], Callable[[Any, Actor], Any]]:
    """The read side's dispatch table."""
    handlers = AnnotationQueries(annotations)
    return {
        queries.ListAnnotationQueues: handlers.queues,
        queries.GetAnnotationQueue: handlers.report,
        queries.NextAnnotation: handlers.next,
        queries.ListAnnotations: handlers.page,
    }
