"""Use cases of datasets and styles."""

from __future__ import annotations

from collections.abc import Mapping

from ryorin.contexts.evaluation.commands import (
    DatasetChanged,
    PutDataset,
    PutStyle,
    RemoveDataset,
    RemoveStyle,
    StyleChanged,
)
from ryorin.contexts.evaluation.domain.datasets import Dataset, counted
from ryorin.contexts.evaluation.domain.styles import Style
from ryorin.contexts.evaluation.ports import DatasetContents
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class PutDatasetHandler(CommandHandler[PutDataset, Mapping[str, int]]):
    """Makes a version of items that are stored."""

    def __init__(self, contents: DatasetContents) -> None:
        self._contents = contents

    async def prepare(self, command: PutDataset, run: Run) -> Mapping[str, int]:
        items = await self._contents.get(run.actor.org_id, command.content_hash)
        if items is None:
            raise InvalidInput("the items are not stored any more; send them again")
        return counted(items)

    async def decide(
        self, command: PutDataset, prepared: Mapping[str, int], run: Run, work: UnitOfWork
    ) -> DatasetChanged:
        dataset = await work.load(Dataset(run.actor.org_id, command.dataset))
        version = dataset.add_version(command.content_hash, prepared, command.note, run.actor.principal_id)
        await work.save(dataset)
        return DatasetChanged(command.dataset, version, sum(prepared.values()))


class RemoveDatasetHandler(CommandHandler[RemoveDataset, None]):
    """Takes a dataset away."""

    async def decide(self, command: RemoveDataset, prepared: None, run: Run, work: UnitOfWork) -> DatasetChanged:
        dataset = await work.load(Dataset(run.actor.org_id, command.dataset))
        dataset.remove()
        await work.save(dataset)
        return DatasetChanged(command.dataset, None)


class PutStyleHandler(CommandHandler[PutStyle, None]):
    """Makes a genome the style of a name."""

    async def decide(self, command: PutStyle, prepared: None, run: Run, work: UnitOfWork) -> StyleChanged:
        style = await work.load(Style(run.actor.org_id, command.style))
        style.put(command.genome, run.actor.principal_id)
        await work.save(style)
        return StyleChanged(command.style)


class RemoveStyleHandler(CommandHandler[RemoveStyle, None]):
    """Takes a style away."""

    async def decide(self, command: RemoveStyle, prepared: None, run: Run, work: UnitOfWork) -> StyleChanged:
        style = await work.load(Style(run.actor.org_id, command.style))
        style.remove()
        await work.save(style)
        return StyleChanged(command.style)
