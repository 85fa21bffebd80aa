"""Aggregates of annotation, and whether those who judge agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from ryorin.contexts.annotation.errors import QueueNotFound
from ryorin.contexts.annotation.events import (
    AnnotationQueuePut,
    AnnotationQueueRemoved,
    ItemAnnotated,
    ItemsQueued,
)
from ryorin.contexts.annotation.specs import QueueSpec
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class AnnotationQueue(Aggregate):
    """A rubric, by which answers are judged."""

    stream_type: ClassVar[str] = "annotation_queue"

    def __init__(self, org_id: OrgId, queue: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, queue))
        self.queue = queue
        self.spec: QueueSpec | None = None

    def put(self, spec: QueueSpec, author: str) -> None:
        """Judge by this; what is so already changes nothing."""
        if spec != self.spec:
            self.record(AnnotationQueuePut(self.queue, spec, author))

    def remove(self) -> None:
        """Take it away; raises QueueNotFound."""
        self.required()
        self.record(AnnotationQueueRemoved(self.queue))

    def add(self, items: int) -> None:
        """So many more are to be judged; raises QueueNotFound."""
        self.required()
        if items:
            self.record(ItemsQueued(self.queue, items))

    def required(self) -> QueueSpec:
        """Its rubric; raises QueueNotFound."""
        if self.spec is None:
            raise QueueNotFound(f"there is no annotation queue {self.queue!r}")
        return self.spec

    def apply(self, event: Event) -> None:
        match event:
            case AnnotationQueuePut():
                self.spec = event.spec
            case AnnotationQueueRemoved():
                self.spec = None


class AnnotatedItem(Aggregate):
    """An answer of a queue: a stream of its own, so that those who judge do not wait for each other."""

    stream_type: ClassVar[str] = "annotated_item"

    def __init__(self, org_id: OrgId, queue: str, item: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, f"{queue}/{item}"))
        self.queue, self.item = queue, item
        self.found: dict[str, bool] = {}

    def judge(self, passed: bool, author: str) -> None:
        """Say whether it passes; the same again changes nothing."""
        if self.found.get(author) != passed:
            self.record(ItemAnnotated(self.queue, self.item, passed, author))

    def apply(self, event: Event) -> None:
        if isinstance(event, ItemAnnotated):
            self.found[event.author] = event.passed


def majority(verdicts: Sequence[bool]) -> bool | None:
    """What most said; None when they are of two minds."""
    passed = sum(verdicts)
    return None if 2 * passed == len(verdicts) else 2 * passed > len(verdicts)


def alpha(verdicts: Iterable[Sequence[bool]]) -> float | None:
    """Krippendorff's alpha of items that two or more judged (Krippendorff, Content Analysis, 2004, chapter 11).

    None without such items; 1 when all say the same of all, which leaves nothing to disagree about.
    """
    several = [found for found in verdicts if len(found) > 1]
    values = sum(map(len, several))
    if not values:
        return None
    passed = sum(map(sum, several))
    observed = sum(2 * sum(found) * (len(found) - sum(found)) / (len(found) - 1) for found in several) / values
    expected = 2 * passed * (values - passed) / (values * (values - 1))
    return 1 - observed / expected if expected else 1.0
