"""Use cases of routing that are a line or two of their aggregate."""

from __future__ import annotations

from ryorin.contexts.routing.commands import (
    ActivateGate,
    JudgeRouting,
    PutExpert,
    RemoveExpert,
    RoutingChanged,
)
from ryorin.contexts.routing.domain.aggregates import GateHistory, RegisteredExpert, RoutingCase
from ryorin.contexts.routing.errors import ExpertNotFound, RoutingNotFound
from ryorin.contexts.routing.ports import Judgements, Routings
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class PutExpertHandler(CommandHandler[PutExpert, None]):
    """Registers an expert."""

    async def decide(self, command: PutExpert, prepared: None, run: Run, work: UnitOfWork) -> RoutingChanged:
        expert = await work.load(RegisteredExpert(run.actor.org_id, command.expert))
        expert.put(command.spec)
        await work.save(expert)
        return RoutingChanged(command.expert)


class RemoveExpertHandler(CommandHandler[RemoveExpert, None]):
    """Forgets an expert."""

    async def decide(self, command: RemoveExpert, prepared: None, run: Run, work: UnitOfWork) -> RoutingChanged:
        expert = await work.load(RegisteredExpert(run.actor.org_id, command.expert))
        expert.remove()
        await work.save(expert)
        return RoutingChanged(command.expert)


class ActivateGateHandler(CommandHandler[ActivateGate, None]):
    """Has a version decide."""

    async def decide(self, command: ActivateGate, prepared: None, run: Run, work: UnitOfWork) -> RoutingChanged:
        history = await work.load(GateHistory(run.actor.org_id))
        history.activate(command.version, command.force)
        await work.save(history)
        return RoutingChanged(str(command.version))


class JudgeRoutingHandler(CommandHandler[JudgeRouting, None]):
    """Notes which expert a question was for; the question itself stays where it can be erased."""

    def __init__(self, judgements: Judgements, routings: Routings) -> None:
        self._judgements = judgements
        self._routings = routings

    async def prepare(self, command: JudgeRouting, run: Run) -> None:
        org_id = run.actor.org_id
        if command.expert is not None:
            names = {one.name for one in await self._routings.experts(org_id)}
            known = await self._routings.gates(org_id)
            names.update(*(one.experts for one in known.versions[:1]))
            if command.expert not in names:
                raise ExpertNotFound(f"there is no expert {command.expert!r}")
        if not await self._judgements.judge(org_id, command.decision, command.expert):
            raise RoutingNotFound(f"there is no decision {command.decision!r}, or it was forgotten")

    async def decide(self, command: JudgeRouting, prepared: None, run: Run, work: UnitOfWork) -> RoutingChanged:
        case = await work.load(RoutingCase(run.actor.org_id, command.decision))
        case.judge(command.expert)
        await work.save(case)
        return RoutingChanged(command.decision)
