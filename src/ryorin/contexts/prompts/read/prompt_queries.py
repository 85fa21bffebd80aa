"""Answers what is asked about prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ryorin.contexts.prompts.domain.template import check_variables, render, variables_of
from ryorin.contexts.prompts.errors import PromptNotFound
from ryorin.contexts.prompts.ports import Prompts
from ryorin.contexts.prompts.queries import (
    GetPrompt,
    ListPrompts,
    ListPromptVersions,
    PromptView,
    RenderedPrompt,
    RenderPrompt,
)
from ryorin.contexts.prompts.versions import (
    PRODUCTION,
    PromptMessage,
    PromptReference,
    PromptVersion,
    VersionView,
)
from ryorin.kernel.messages import Actor


class PromptQueries:
    """Handlers of the queries on prompts."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    async def listed(self, query: ListPrompts, actor: Actor) -> tuple[PromptView, ...]:
        """Handle `ListPrompts`."""
        return tuple(await self._prompts.listed(actor.org_id))

    async def one(self, query: GetPrompt, actor: Actor) -> VersionView:
        """Handle `GetPrompt`."""
        labels, version, created_at = await self._named(query.reference, actor)
        return _view(version, created_at, labels)

    async def versions(self, query: ListPromptVersions, actor: Actor) -> tuple[VersionView, ...]:
        """Handle `ListPromptVersions`."""
        labels = await self._labels(query.prompt, actor)
        found = await self._prompts.versions(actor.org_id, query.prompt)
        return tuple(_view(version, created_at, labels) for version, created_at in found)

    async def rendered(self, query: RenderPrompt, actor: Actor) -> RenderedPrompt:
        """Handle `RenderPrompt`."""
        _, version, _ = await self._named(query.reference, actor)
        check_variables(_variables(version.messages), query.variables)
        messages = tuple(
            PromptMessage(message.role, render(message.content, query.variables)) for message in version.messages
        )
        return RenderedPrompt(query.reference.name, version.number, messages, version.parameters)

    async def _labels(self, prompt: str, actor: Actor) -> Mapping[str, int]:
        labels = await self._prompts.labels(actor.org_id, prompt)
        if labels is None:
            raise PromptNotFound(f"there is no prompt {prompt!r}")
        return labels

    async def _named(
        self, reference: PromptReference, actor: Actor
    ) -> tuple[Mapping[str, int], PromptVersion, datetime]:
        labels = await self._labels(reference.name, actor)
        label = reference.label or PRODUCTION
        number = labels.get(label) if reference.version is None else reference.version
        if number is None:
            raise PromptNotFound(
                f"prompt {reference.name!r} has no label {label!r}; there are {', '.join(sorted(labels))}"
            )
        found = await self._prompts.version(actor.org_id, reference.name, number)
        if found is None:
            raise PromptNotFound(f"prompt {reference.name!r} has no version {number}")
        return labels, *found


def _view(version: PromptVersion, created_at: datetime, labels: Mapping[str, int]) -> VersionView:
    named = tuple(sorted(label for label, number in labels.items() if number == version.number))
    return VersionView(version, _variables(version.messages), named, created_at)


def _variables(messages: Sequence[PromptMessage]) -> tuple[str, ...]:
    return variables_of(message.content for message in messages)
