"""The aggregate of an evaluation: it ends once."""

from __future__ import annotations

from typing import ClassVar

from ryorin.contexts.evaluation.events import EvaluationFailed, EvaluationFinished
from ryorin.contexts.evaluation.specs import EvaluationSpec, EvaluationSummary
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.messages import OrgId


class Evaluation(Aggregate):
    """What was evaluated, and how it ended."""

    stream_type: ClassVar[str] = "evaluation"

    def __init__(self, org_id: OrgId, evaluation: str) -> None:
        super().__init__(Stream(org_id, self.stream_type, evaluation))
        self.evaluation = evaluation
        self.spec: EvaluationSpec | None = None
        self.finished: EvaluationSummary | None = None

    def check(self, spec: EvaluationSpec) -> None:
        """Raise InvalidInput when the name is that of another evaluation: results of two would be mixed."""
        if self.spec is not None and self.spec != spec:
            raise InvalidInput(f"evaluation {self.evaluation!r} was made of something else; choose another name")

    def finish(self, spec: EvaluationSpec, summary: EvaluationSummary, note: str, author: str) -> None:
        """Every item has a result; once more changes nothing. Raises InvalidInput for another evaluation's name."""
        self.check(spec)
        if self.finished is None:
            self.record(EvaluationFinished(self.evaluation, spec, summary, note, author))

    def fail(self, spec: EvaluationSpec, code: str, reason: str, note: str, author: str) -> None:
        """It could not be finished; what is finished stays so."""
        if self.finished is None and self.spec in (None, spec):
            self.record(EvaluationFailed(self.evaluation, spec, code, reason, note, author))

    def apply(self, event: Event) -> None:
        match event:
            case EvaluationFinished():
                self.spec, self.finished = event.spec, event.summary
            case EvaluationFailed():
                self.spec = event.spec
