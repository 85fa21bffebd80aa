"""Use cases of prompts; most are a line or two of the aggregate."""

from __future__ import annotations

from collections.abc import Iterable

from ryorin.contexts.prompts.commands import (
    CreatePromptVersion,
    DescribePrompt,
    GatePromptLabel,
    MovePromptLabel,
    PromptChanged,
    ProtectPromptLabel,
    RemovePrompt,
    RemovePromptLabel,
    SharePrompt,
)
from ryorin.contexts.prompts.domain.prompt import Prompt, Shown
from ryorin.contexts.prompts.domain.texts import PromptTexts
from ryorin.contexts.prompts.errors import PromptCycle, PromptNotFound
from ryorin.contexts.prompts.ports import Comparisons
from ryorin.contexts.prompts.versions import PromptVersion, references_of
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.glance import glance
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import EventStore, UnitOfWork
from ryorin.kernel.sharing import in_order, readers_in_order

# prompts that take in prompts that take in prompts: more of them than this nobody keeps in his head
MAX_TAKEN_IN = 100


class CreatePromptVersionHandler(CommandHandler[CreatePromptVersion, None]):
    """Makes a version and moves labels to it."""

    def __init__(self, texts: PromptTexts) -> None:
        self._texts = texts

    async def decide(self, command: CreatePromptVersion, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        draft = PromptVersion(
            0,
            command.messages,
            command.parameters,
            command.note,
            run.actor.principal_id,
            command.kind,
            command.syntax,
            command.variables,
        )
        self._texts.check(draft)
        references = references_of(message.content for message in command.messages)
        await _refuse_cycles(work, run.actor, command.prompt, [one.name for one in references])
        version = prompt.add_version(draft)
        for label in command.labels:
            prompt.move(label, version, command.protected)
        await work.save(prompt)
        return PromptChanged(command.prompt, version)


class MovePromptLabelHandler(CommandHandler[MovePromptLabel, Shown | None]):
    """Moves a label, if what its gate wants was shown."""

    def __init__(self, events: EventStore, comparisons: Comparisons) -> None:
        self._events = events
        self._comparisons = comparisons

    async def prepare(self, command: MovePromptLabel, run: Run) -> Shown | None:
        prompt = await glance(self._events, Prompt(run.actor.org_id, command.prompt))
        gate = prompt.gate_before(command.label, command.version)
        if gate is None or command.protected or command.version not in prompt.versions:
            return None
        current = prompt.labels[command.label]
        found = await self._comparisons.shown(run.actor, command.prompt, command.version, current, gate)
        return Shown(command.version, current, *found)

    async def decide(
        self, command: MovePromptLabel, prepared: Shown | None, run: Run, work: UnitOfWork
    ) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        prompt.move(command.label, command.version, command.protected, prepared)
        await work.save(prompt)
        return PromptChanged(command.prompt, command.version)


class RemovePromptLabelHandler(CommandHandler[RemovePromptLabel, None]):
    """Removes a label."""

    async def decide(self, command: RemovePromptLabel, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        prompt.unlabel(command.label, command.protected)
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


class RemovePromptHandler(CommandHandler[RemovePrompt, None]):
    """Takes a prompt away."""

    async def decide(self, command: RemovePrompt, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        prompt.remove(command.protected)
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


class DescribePromptHandler(CommandHandler[DescribePrompt, None]):
    """Says where it belongs."""

    async def decide(self, command: DescribePrompt, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        tags = None if command.tags is None else in_order(command.tags)
        prompt.describe(command.folder, tags, command.description)
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


class SharePromptHandler(CommandHandler[SharePrompt, None]):
    """Decides who may read it."""

    async def decide(self, command: SharePrompt, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        prompt.share(readers_in_order(command.readers))
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


class ProtectPromptLabelHandler(CommandHandler[ProtectPromptLabel, None]):
    """Leaves a label to admins, or to editors again."""

    async def decide(self, command: ProtectPromptLabel, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        prompt.protect(command.label, command.protected)
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


class GatePromptLabelHandler(CommandHandler[GatePromptLabel, None]):
    """Says what a version has to show."""

    async def decide(self, command: GatePromptLabel, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await _loaded(work, run.actor, command.prompt)
        prompt.gate(command.label, command.gate)
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


async def _loaded(work: UnitOfWork, actor: Actor, name: str) -> Prompt:
    return await work.load(Prompt(actor.org_id, name))


async def _refuse_cycles(work: UnitOfWork, actor: Actor, name: str, taken_in: Iterable[str]) -> None:
    """Raise PromptCycle when a prompt would be taken in by itself, by whichever versions labels name later.

    Raises PromptNotFound for one that is not there.
    """
    waiting, met = list(taken_in), set[str]()
    while waiting:
        other = waiting.pop()
        if other == name:
            raise PromptCycle(f"prompt {name!r} would take in itself")
        if other in met:
            continue
        met.add(other)
        if len(met) > MAX_TAKEN_IN:
            raise InvalidInput(f"a prompt takes in at most {MAX_TAKEN_IN} others, counting theirs")
        prompt = await work.load(Prompt(actor.org_id, other))
        if prompt.latest is None:
            raise PromptNotFound(f"there is no prompt {other!r} to be taken in")
        waiting += sorted(prompt.takes_in)
