"""What somebody wants evaluated, with the versions that are meant now: one that is named stays what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ryorin.contexts.evaluation.commands import RunEvaluation
from ryorin.contexts.evaluation.queries import DatasetView, GetDataset
from ryorin.contexts.evaluation.specs import EvaluationSpec, Metric, Split, StopRule, Target
from ryorin.contexts.prompts.queries import GetPrompt
from ryorin.contexts.prompts.versions import PromptReference, VersionView
from ryorin.kernel.bus import QueryBus, authorised
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.messages import Actor


@dataclass(frozen=True, slots=True)
class WantedEvaluation:
    """An evaluation before its versions are known: `label` or `target.version` of the prompt, None of the dataset: the
    newest."""

    name: str
    target: Target
    dataset: str
    metrics: tuple[Metric, ...]
    label: str | None = None
    dataset_version: int | None = None
    split: Split | None = None
    concurrency: int = 4
    stop: StopRule | None = None
    note: str = ""

    async def command(self, bus: QueryBus, actor: Actor, demand: Consistency = EVENTUAL) -> RunEvaluation:
        """The command that runs it. Raises Forbidden before anything is looked for, DatasetNotFound, PromptNotFound."""
        command = self._command(self.target, self.dataset_version or 0)
        # whoever may not, learns nothing
        authorised(actor, command)
        dataset: DatasetView = await bus.ask(
            GetDataset(dataset=self.dataset, version=self.dataset_version), actor, demand
        )
        target = self.target
        if target.prompt is not None:
            reference = PromptReference(target.prompt, self.label, target.version)
            view: VersionView = await bus.ask(GetPrompt(reference=reference), actor, demand)
            target = replace(target, version=view.version.number)
        return self._command(target, dataset.version)

    def _command(self, target: Target, dataset_version: int) -> RunEvaluation:
        spec = EvaluationSpec(
            target, self.dataset, dataset_version, self.split, self.metrics, self.concurrency, self.stop
        )
        return RunEvaluation(evaluation=self.name, spec=spec, note=self.note)
