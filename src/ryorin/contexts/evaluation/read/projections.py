"""Events to rows of datasets and evaluations."""

from __future__ import annotations

from collections.abc import Sequence

from ryorin.contexts.evaluation.events import (
    DatasetRemoved,
    DatasetVersionCreated,
    EvaluationFailed,
    EvaluationFinished,
    StylePut,
    StyleRemoved,
)
from ryorin.contexts.evaluation.ports import EvaluationRows
from ryorin.contexts.evaluation.queries import EVALUATION_MODEL
from ryorin.kernel.events import RecordedEvent


class EvaluationProjection:
    """Feeds the read model of evaluation."""

    name = EVALUATION_MODEL

    async def apply(self, events: Sequence[RecordedEvent], rows: EvaluationRows) -> None:
        """Write the rows of a batch, in order."""
        for recorded in events:
            org_id = recorded.stream.org_id
            match recorded.event:
                case DatasetVersionCreated() as event:
                    await rows.add_dataset_version(org_id, event, recorded.recorded_at)
                case DatasetRemoved() as event:
                    await rows.remove_dataset(org_id, event.dataset)
                case StylePut() as event:
                    await rows.put_style(org_id, event, recorded.recorded_at)
                case StyleRemoved() as event:
                    await rows.remove_style(org_id, event.style)
                case (EvaluationFinished() | EvaluationFailed()) as event:
                    await rows.put_evaluation(org_id, event, recorded.recorded_at)
                case _:
                    continue
