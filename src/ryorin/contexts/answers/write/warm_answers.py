"""Use case: answer popular questions again after documents changed."""

from __future__ import annotations

from typing import Protocol

from ryorin.contexts.answers.commands import WarmAnswers, Warmed
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import UnitOfWork


class AnswerWarmer(Protocol):
    """Asks what was asked before."""

    async def warm(self, org_id: OrgId, collection: str, limit: int, run: Run) -> Warmed:
        """Answer the most popular questions of a collection whose answers became invalid; reports progress."""
        ...


class WarmAnswersHandler(CommandHandler[WarmAnswers, Warmed]):
    """Asks; nothing is decided, for answers are no facts."""

    def __init__(self, warmer: AnswerWarmer) -> None:
        self._warmer = warmer

    async def prepare(self, command: WarmAnswers, run: Run) -> Warmed:
        """Ask."""
        return await self._warmer.warm(run.actor.org_id, command.collection, command.limit, run)

    async def decide(self, command: WarmAnswers, prepared: Warmed, run: Run, work: UnitOfWork) -> Warmed:
        return prepared
