"""Use case: take answers out of the cache."""

from __future__ import annotations

from typing import ClassVar, Protocol

from ryorin.contexts.answers.commands import FlushAnswers, Flushed
from ryorin.contexts.answers.events import AnswersFlushed
from ryorin.contexts.answers.selection import Selection
from ryorin.kernel.aggregate import Aggregate
from ryorin.kernel.events import Event, Stream
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import UnitOfWork


class SelectedAnswers(Protocol):
    """The cache, asked how much a selection holds."""

    async def count(self, org_id: OrgId, selection: Selection) -> int:
        """How many answers that are or may become valid are selected."""
        ...


class AnswerCache(Aggregate):
    """An organisation's cache: what was decided about it has no state of its own."""

    stream_type: ClassVar[str] = "answer_cache"

    def __init__(self, org_id: OrgId) -> None:
        super().__init__(Stream(org_id, self.stream_type, "cache"))

    def flush(self, selection: Selection) -> None:
        """Take answers out."""
        self.record(AnswersFlushed(selection))

    def apply(self, event: Event) -> None:
        """Nothing follows for later decisions."""


class FlushAnswersHandler(CommandHandler[FlushAnswers, int]):
    """Records the decision; the freshness projection carries it out."""

    def __init__(self, answers: SelectedAnswers) -> None:
        self._answers = answers

    async def prepare(self, command: FlushAnswers, run: Run) -> int:
        """Count what is selected."""
        return await self._answers.count(run.actor.org_id, command.selection)

    async def decide(self, command: FlushAnswers, prepared: int, run: Run, work: UnitOfWork) -> Flushed:
        cache = await work.load(AnswerCache(run.actor.org_id))
        cache.flush(command.selection)
        await work.save(cache)
        return Flushed(prepared)
