"""Answers what is asked about annotation queues."""

from __future__ import annotations

from ryorin.contexts.annotation.domain.queue import alpha, majority
from ryorin.contexts.annotation.errors import NothingToAnnotate, QueueNotFound
from ryorin.contexts.annotation.ports import Annotations
from ryorin.contexts.annotation.queries import (
    AnnotationsPage,
    GetAnnotationQueue,
    ListAnnotationQueues,
    ListAnnotations,
    NextAnnotation,
    QueueReport,
    QueueView,
)
from ryorin.contexts.annotation.specs import AnnotationItem
from ryorin.kernel.messages import Actor


class AnnotationQueries:
    """Handlers of the queries on queues."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations

    async def queues(self, query: ListAnnotationQueues, actor: Actor) -> tuple[QueueView, ...]:
        """Handle `ListAnnotationQueues`."""
        return tuple(await self._annotations.queues(actor.org_id))

    async def report(self, query: GetAnnotationQueue, actor: Actor) -> QueueReport:
        """Handle `GetAnnotationQueue`."""
        queue = await self._queue(query.queue, actor)
        verdicts = await self._annotations.verdicts(actor.org_id, queue.name)
        done = [found for found in verdicts.values() if len(found) >= queue.spec.per_item]
        return QueueReport(
            queue,
            items=await self._annotations.items(actor.org_id, queue.name),
            done=len(done),
            passed=sum(majority(found) is True for found in done),
            annotations=sum(map(len, verdicts.values())),
            agreement=alpha(verdicts.values()),
        )

    async def next(self, query: NextAnnotation, actor: Actor) -> AnnotationItem:
        """Handle `NextAnnotation`."""
        queue = await self._queue(query.queue, actor)
        found = await self._annotations.next(actor, queue.name, queue.spec.per_item)
        if found is None:
            raise NothingToAnnotate(f"nothing is left in {queue.name!r} that you have not judged")
        return found

    async def page(self, query: ListAnnotations, actor: Actor) -> AnnotationsPage:
        """Handle `ListAnnotations`."""
        queue = await self._queue(query.queue, actor)
        found = await self._annotations.page(actor.org_id, queue.name, query.offset, query.limit + 1)
        more = len(found) > query.limit
        return AnnotationsPage(tuple(found[: query.limit]), query.offset + query.limit if more else None)

    async def _queue(self, name: str, actor: Actor) -> QueueView:
        found = next((one for one in await self._annotations.queues(actor.org_id) if one.name == name), None)
        if found is None:
            raise QueueNotFound(f"there is no annotation queue {name!r}")
        return found
