"""Trains a version of the gate, evaluates it, and has it decide if it is no worse."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ryorin.contexts.routing.commands import GateTrainedResult, TrainGate
from ryorin.contexts.routing.domain.aggregates import GateHistory
from ryorin.contexts.routing.domain.gate import MIN_EXAMPLES, NONE, Gate, Material, train
from ryorin.contexts.routing.errors import GateNotBetter
from ryorin.contexts.routing.experts import Example, GateQuality
from ryorin.contexts.routing.ports import Judgements, QuestionVectors, RoutingObjects, Routings
from ryorin.contexts.routing.write import examples as stored
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork

BATCH = 64


@dataclass(frozen=True, slots=True)
class Trained:
    """A gate that was made outside the transaction."""

    experts: tuple[str, ...]
    content_hash: str
    examples_hash: str
    quality: GateQuality


class TrainGateHandler(CommandHandler[TrainGate, Trained]):
    """Embeds examples, trains in a thread, stores the gate; the aggregate decides whether it is used."""

    def __init__(
        self, objects: RoutingObjects, vectors: QuestionVectors, judgements: Judgements, routings: Routings
    ) -> None:
        self._objects = objects
        self._vectors = vectors
        self._judgements = judgements
        self._routings = routings

    async def prepare(self, command: TrainGate, run: Run) -> Trained:
        examples = await self._examples(command, run)
        names = tuple(sorted({one.expert for one in examples if one.expert is not None}))
        _check(examples, names)
        rows = []
        for first in range(0, len(examples), BATCH):
            batch = [one.text for one in examples[first : first + BATCH]]
            rows.append(await self._vectors.embed(batch))
            run.report("embedding", min(first + BATCH, len(examples)), len(examples))
        numbers = {name: number for number, name in enumerate(names)}
        labels = np.array([NONE if one.expert is None else numbers[one.expert] for one in examples], dtype=np.int64)
        material = Material(np.concatenate(rows), tuple(one.text for one in examples), labels)
        active = await self._active(run)
        loop = asyncio.get_running_loop()

        def progress(phase: str, done: int, of: int) -> None:
            loop.call_soon_threadsafe(run.report, phase, done, of)

        gate, quality = await asyncio.to_thread(train, material, names, active, progress)
        org_id = run.actor.org_id
        content = await asyncio.to_thread(gate.dump)
        return Trained(
            names,
            await self._objects.put(org_id, content),
            await self._objects.put(org_id, stored.dump(examples)),
            quality,
        )

    async def _examples(self, command: TrainGate, run: Run) -> list[Example]:
        org_id = run.actor.org_id
        known = await self._routings.gates(org_id)
        given = command.examples_hash or (known.versions[0].examples_hash if known.versions else None)
        content = await self._objects.get(org_id, given) if given else None
        if given and content is None:
            raise InvalidInput("the examples are not stored any more; send them again")
        examples = stored.load(content) if content else []
        judged = list(await self._judgements.judged(org_id)) if command.feedback else []
        # what people said of a question goes before what was said earlier
        latest = {one.text: one for one in (*examples, *judged)}
        return list(latest.values())

    async def _active(self, run: Run) -> Gate | None:
        known = await self._routings.gates(run.actor.org_id)
        one = next((one for one in known.versions if one.version == known.active), None)
        if one is None or one.embedding != self._vectors.name:
            return None
        content = await self._objects.get(run.actor.org_id, one.content_hash)
        return await asyncio.to_thread(Gate.load, content) if content else None

    async def decide(self, command: TrainGate, prepared: Trained, run: Run, work: UnitOfWork) -> GateTrainedResult:
        history = await work.load(GateHistory(run.actor.org_id))
        version = history.trained(
            prepared.experts, self._vectors.name, prepared.content_hash, prepared.examples_hash, prepared.quality
        )
        if command.activate:
            # a worse one is there too, and the result says that it is not active
            with suppress(GateNotBetter):
                history.activate(version)
        await work.save(history)
        return GateTrainedResult(version, history.active == version, prepared.quality)


def _check(examples: Sequence[Example], names: Sequence[str]) -> None:
    if len(names) < 2:  # noqa: PLR2004 - between one there is nothing to decide
        raise InvalidInput("examples of at least two experts are needed")
    for name in names:
        count = sum(one.expert == name for one in examples)
        if count < MIN_EXAMPLES:
            raise InvalidInput(f"expert {name!r} has {count} examples; at least {MIN_EXAMPLES} are needed")
