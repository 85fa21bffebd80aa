"""Use cases of objectives and feedback."""

from __future__ import annotations

from ryorin.contexts.traffic.commands import (
    AssessObjective,
    FeedbackTaken,
    GiveFeedback,
    ObjectiveChanged,
    PutObjective,
    RemoveObjective,
)
from ryorin.contexts.traffic.domain.objective import JudgedAnswer, Objective
from ryorin.contexts.traffic.domain.standing import standing
from ryorin.contexts.traffic.errors import SampleNotFound
from ryorin.contexts.traffic.ports import Samples, Traffic
from ryorin.contexts.traffic.specs import Feedback, ObjectiveSpec, ObjectiveStatus
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import EventStore, UnitOfWork


class PutObjectiveHandler(CommandHandler[PutObjective, None]):
    """Puts an objective."""

    async def decide(self, command: PutObjective, prepared: None, run: Run, work: UnitOfWork) -> ObjectiveChanged:
        objective = await work.load(Objective(run.actor.org_id, command.objective))
        objective.put(command.spec, run.actor.principal_id)
        await work.save(objective)
        return ObjectiveChanged(command.objective, objective.level)


class RemoveObjectiveHandler(CommandHandler[RemoveObjective, None]):
    """Takes an objective away."""

    async def decide(self, command: RemoveObjective, prepared: None, run: Run, work: UnitOfWork) -> ObjectiveChanged:
        objective = await work.load(Objective(run.actor.org_id, command.objective))
        objective.remove()
        await work.save(objective)
        return ObjectiveChanged(command.objective)


class AssessObjectiveHandler(CommandHandler[AssessObjective, tuple[ObjectiveSpec, ObjectiveStatus]]):
    """Records how an objective stands, if that is another level than before."""

    def __init__(self, events: EventStore, traffic: Traffic) -> None:
        self._events = events
        self._traffic = traffic

    async def prepare(self, command: AssessObjective, run: Run) -> tuple[ObjectiveSpec, ObjectiveStatus]:
        org_id = run.actor.org_id
        spec = (await glance(self._events, Objective(org_id, command.objective))).wanted()
        return spec, await standing(self._traffic, org_id, command.objective, spec)

    async def decide(
        self, command: AssessObjective, prepared: tuple[ObjectiveSpec, ObjectiveStatus], run: Run, work: UnitOfWork
    ) -> ObjectiveChanged:
        objective = await work.load(Objective(run.actor.org_id, command.objective))
        spec, status = prepared
        # changed meanwhile, it is assessed anew by whoever looks next
        if objective.wanted() == spec:
            objective.stands(status.level, status.told)
            await work.save(objective)
        return ObjectiveChanged(command.objective, objective.level)


class GiveFeedbackHandler(CommandHandler[GiveFeedback, None]):
    """Notes what somebody said of an answer."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def prepare(self, command: GiveFeedback, run: Run) -> None:
        org_id = run.actor.org_id
        if not await self._samples.known(org_id, command.answer):
            raise SampleNotFound(
                f"no answer {command.answer[:60]!r} is known: answers are while they are cached, and 35 days when they"
                " were sampled for an objective"
            )
        feedback = Feedback(command.rating, by=run.actor.principal_id)
        await self._samples.rate(org_id, command.answer, feedback, command.said)

    async def decide(self, command: GiveFeedback, prepared: None, run: Run, work: UnitOfWork) -> FeedbackTaken:
        answer = await work.load(JudgedAnswer(run.actor.org_id, command.answer))
        answer.judge(command.rating, run.actor.principal_id)
        await work.save(answer)
        return FeedbackTaken(command.answer)
