"""What happened to annotation queues: never what the answers say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.annotation.specs import QueueSpec
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class AnnotationQueuePut(Event):
    """Answers are judged by this rubric."""

    type: ClassVar[str] = "annotation.queue_put"

    queue: str
    spec: QueueSpec
    author: str


@dataclass(frozen=True, slots=True)
class AnnotationQueueRemoved(Event):
    """A queue is gone with what was in it."""

    type: ClassVar[str] = "annotation.queue_removed"

    queue: str


@dataclass(frozen=True, slots=True)
class ItemsQueued(Event):
    """So many answers more are to be judged."""

    type: ClassVar[str] = "annotation.items_queued"

    queue: str
    items: int


@dataclass(frozen=True, slots=True)
class ItemAnnotated(Event):
    """Somebody judged an answer."""

    type: ClassVar[str] = "annotation.item_annotated"

    queue: str
    item: str
    passed: bool
    author: str


EVENTS: tuple[type[Event], ...] = (AnnotationQueuePut, AnnotationQueueRemoved, ItemsQueued, ItemAnnotated)
