"""Events to rows of annotation queues."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.annotation.events import AnnotationQueuePut, AnnotationQueueRemoved
from ryorin.contexts.annotation.ports import QueueRows
from ryorin.contexts.annotation.queries import ANNOTATION_MODEL
from ryorin.kernel.events import RecordedEvent


class QueuesProjection:
    """Feeds the read model of annotation queues."""

    name = ANNOTATION_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: QueueRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            match recorded.event:
                case AnnotationQueuePut() as event:
                    await rows.put(recorded.stream.org_id, event)
                case AnnotationQueueRemoved() as event:
                    await rows.remove(recorded.stream.org_id, event.queue, recorded.recorded_at)
