"""Use case: a person says whether an answer to a paraphrase was right."""

from __future__ import annotations

from typing import Protocol

from ryorin.contexts.answers.errors import HitNotFound
from ryorin.contexts.answers.semantic import HitJudged, JudgeSemanticHit
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import OrgId
from ryorin.kernel.ports import UnitOfWork


class GivenHitsLedger(Protocol):
    """Hits that were given."""

    async def judge(self, org_id: OrgId, hit: str, right: bool) -> bool:
        """Take a judgement; False when there is no such hit."""
        ...


class JudgeSemanticHitHandler(CommandHandler[JudgeSemanticHit, None]):
    """Writes the judgement down; evidence is plain state, not an event."""

    def __init__(self, hits: GivenHitsLedger) -> None:
        self._hits = hits

    async def prepare(self, command: JudgeSemanticHit, run: Run) -> None:
        """Take the judgement; again changes nothing."""
        if not await self._hits.judge(run.actor.org_id, command.hit, command.right):
            raise HitNotFound(f"there is no semantic hit {command.hit!r}, or it was forgotten")

    async def decide(self, command: JudgeSemanticHit, prepared: None, run: Run, work: UnitOfWork) -> HitJudged:
        return HitJudged(command.hit, command.right)
