"""Use cases of prompts; each is a line or two of the aggregate."""

from __future__ import annotations

from ryorin.contexts.prompts.commands import (
    CreatePromptVersion,
    MovePromptLabel,
    PromptChanged,
    RemovePrompt,
    RemovePromptLabel,
)
from ryorin.contexts.prompts.domain.prompt import Prompt
from ryorin.kernel.handlers import CommandHandler, Run
from ryorin.kernel.ports import UnitOfWork


class CreatePromptVersionHandler(CommandHandler[CreatePromptVersion, None]):
    """Makes a version and moves labels to it."""

    async def decide(self, command: CreatePromptVersion, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await work.load(Prompt(run.actor.org_id, command.prompt))
        version = prompt.add_version(command.messages, command.parameters, command.note, run.actor.principal_id)
        for label in command.labels:
            prompt.move(label, version)
        await work.save(prompt)
        return PromptChanged(command.prompt, version)


class MovePromptLabelHandler(CommandHandler[MovePromptLabel, None]):
    """Moves a label."""

    async def decide(self, command: MovePromptLabel, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await work.load(Prompt(run.actor.org_id, command.prompt))
        prompt.move(command.label, command.version)
        await work.save(prompt)
        return PromptChanged(command.prompt, command.version)


class RemovePromptLabelHandler(CommandHandler[RemovePromptLabel, None]):
    """Removes a label."""

    async def decide(self, command: RemovePromptLabel, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await work.load(Prompt(run.actor.org_id, command.prompt))
        prompt.unlabel(command.label)
        await work.save(prompt)
        return PromptChanged(command.prompt, None)


class RemovePromptHandler(CommandHandler[RemovePrompt, None]):
    """Takes a prompt away."""

    async def decide(self, command: RemovePrompt, prepared: None, run: Run, work: UnitOfWork) -> PromptChanged:
        prompt = await work.load(Prompt(run.actor.org_id, command.prompt))
        prompt.remove()
        await work.save(prompt)
        return PromptChanged(command.prompt, None)
