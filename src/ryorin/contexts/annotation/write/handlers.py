"""Use cases of annotation."""

from __future__ import annotations

from ryorin.contexts.annotation.commands import (
    Annotate,
    PutAnnotationQueue,
    QueueChanged,
    QueueItems,
    RemoveAnnotationQueue,
)
from ryorin.contexts.annotation.domain.queue import AnnotatedItem, AnnotationQueue
from ryorin.contexts.annotation.errors import QueueNotFound
from ryorin.contexts.annotation.ports import Annotations
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import EventStore, UnitOfWork


class PutQueueHandler(CommandHandler[PutAnnotationQueue, None]):
    """Puts a queue."""

    async def decide(self, command: PutAnnotationQueue, prepared: None, run: Run, work: UnitOfWork) -> QueueChanged:
        queue = await work.load(AnnotationQueue(run.actor.org_id, command.queue_name))
        queue.put(command.spec, run.actor.principal_id)
        await work.save(queue)
        return QueueChanged(command.queue_name)


class RemoveQueueHandler(CommandHandler[RemoveAnnotationQueue, None]):
    """Takes a queue away."""

    async def decide(self, command: RemoveAnnotationQueue, prepared: None, run: Run, work: UnitOfWork) -> QueueChanged:
        queue = await work.load(AnnotationQueue(run.actor.org_id, command.queue_name))
        queue.remove()
        await work.save(queue)
        return QueueChanged(command.queue_name)


class QueueItemsHandler(CommandHandler[QueueItems, int]):
    """Has a batch judged."""

    def __init__(self, events: EventStore, annotations: Annotations) -> None:
        self._events = events
        self._annotations = annotations

    async def prepare(self, command: QueueItems, run: Run) -> int:
        (await glance(self._events, AnnotationQueue(run.actor.org_id, command.queue_name))).required()
        return await self._annotations.queue(run.actor.org_id, command.queue_name, command.batch)

    async def decide(self, command: QueueItems, prepared: int, run: Run, work: UnitOfWork) -> QueueChanged:
        queue = await work.load(AnnotationQueue(run.actor.org_id, command.queue_name))
        queue.add(prepared)
        await work.save(queue)
        return QueueChanged(command.queue_name, prepared)


class AnnotateHandler(CommandHandler[Annotate, None]):
    """Notes a judgement."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations

    async def prepare(self, command: Annotate, run: Run) -> None:
        actor = run.actor
        found = await self._annotations.annotate(
            actor.org_id, command.queue_name, command.item, actor.principal_id, command.passed
        )
        if not found:
            raise QueueNotFound(f"there is no item {command.item[:60]!r} in a queue {command.queue_name[:60]!r}")

    async def decide(self, command: Annotate, prepared: None, run: Run, work: UnitOfWork) -> QueueChanged:
        item = await work.load(AnnotatedItem(run.actor.org_id, command.queue_name, command.item))
        item.judge(command.passed, run.actor.principal_id)
        await work.save(item)
        return QueueChanged(command.queue_name)
