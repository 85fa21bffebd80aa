"""Answers what is asked about prompts."""

from __future__ import annotations

import difflib
from dataclasses import fields, replace
from datetime import datetime

from ryorin.contexts.prompts.domain.template import expand
from ryorin.contexts.prompts.domain.texts import PromptTexts
from ryorin.contexts.prompts.errors import PromptCycle, PromptNotFound
from ryorin.contexts.prompts.ports import Prompts
from ryorin.contexts.prompts.queries import (
    Changed,
    DiffPromptVersions,
    GetPrompt,
    ListPrompts,
    ListPromptVersions,
    ListVersionsOf,
    PromptDiff,
    PromptView,
    RenderedPrompt,
    RenderPrompt,
    ResolvedPrompt,
    ResolvePrompt,
)
from ryorin.contexts.prompts.versions import (
    PRODUCTION,
    PromptReference,
    PromptState,
    PromptVariable,
    PromptVersion,
    VersionView,
    references_of,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Actor, may_read

# writing refuses cycles; two writes at once could still make one
MAX_DEPTH = 20
MAX_CHARACTERS = 500_000

Found = tuple[PromptState, PromptVersion, datetime]


class PromptQueries:
    """Handlers of the queries on prompts."""

    def __init__(self, prompts: Prompts, texts: PromptTexts) -> None:
        self._prompts = prompts
        self._texts = texts

    async def listed(self, query: ListPrompts, actor: Actor) -> tuple[PromptView, ...]:
        """Handle `ListPrompts`."""
        views = await self._prompts.listed(actor.org_id)
        return tuple(view for view in views if may_read(actor.readers, view.about.readers) and query.passes(view))

    async def one(self, query: GetPrompt, actor: Actor) -> VersionView:
        """Handle `GetPrompt`."""
        state, version, created_at = await self._named(query.reference, actor)
        return self._view(state, version, created_at)

    async def versions(self, query: ListPromptVersions, actor: Actor) -> tuple[VersionView, ...]:
        """Handle `ListPromptVersions`."""
        state = await self._state(query.prompt, actor)
        found = (await self._prompts.versions(actor.org_id, [query.prompt])).get(query.prompt, ())
        return tuple(self._view(state, version, created_at) for version, created_at in found)

    async def versions_of(self, query: ListVersionsOf, actor: Actor) -> dict[str, tuple[VersionView, ...]]:
        """Handle `ListVersionsOf`: two statements, however many they are."""
        views = {
            view.name: PromptState(view.labels, view.about)
            for view in await self._prompts.listed(actor.org_id)
            if view.name in query.prompts and may_read(actor.readers, view.about.readers)
        }
        found = await self._prompts.versions(actor.org_id, list(views))
        return {
            name: tuple(self._view(state, version, created_at) for version, created_at in found.get(name, ()))
            for name, state in views.items()
        }

    async def rendered(self, query: RenderPrompt, actor: Actor) -> RenderedPrompt:
        """Handle `RenderPrompt`."""
        _, version, _ = await self._named(query.reference, actor)
        whole, taken_in = await self._whole(query.reference.name, version, actor)
        messages = tuple(self._texts.filled(whole, query.variables))
        return RenderedPrompt(query.reference.name, version.number, messages, version.parameters, taken_in)

    async def resolved(self, query: ResolvePrompt, actor: Actor) -> ResolvedPrompt:
        """Handle `ResolvePrompt`."""
        state, version, created_at = await self._named(query.reference, actor)
        whole, taken_in = await self._whole(query.reference.name, version, actor)
        return ResolvedPrompt(self._view(state, whole, created_at), state.about, taken_in)

    async def diff(self, query: DiffPromptVersions, actor: Actor) -> PromptDiff:
        """Handle `DiffPromptVersions`."""
        _, before, _ = await self._named(query.before, actor)
        _, after, _ = await self._named(query.after, actor)
        lines = difflib.unified_diff(
            _lines(before), _lines(after), str(before.number), str(after.number), lineterm="", n=3
        )
        return PromptDiff(query.prompt, before.number, after.number, tuple(lines), _changed(before, after))

    async def _state(self, prompt: str, actor: Actor) -> PromptState:
        state = await self._prompts.state(actor.org_id, prompt)
        if state is None or not may_read(actor.readers, state.about.readers):
            raise PromptNotFound(f"there is no prompt {prompt!r}")
        return state

    async def _named(self, reference: PromptReference, actor: Actor) -> Found:
        state = await self._state(reference.name, actor)
        label = reference.label or PRODUCTION
        number = state.labels.get(label) if reference.version is None else reference.version
        if number is None:
            raise PromptNotFound(
                f"prompt {reference.name!r} has no label {label!r}; there are {', '.join(sorted(state.labels))}"
            )
        found = await self._prompts.version(actor.org_id, reference.name, number)
        if found is None:
            raise PromptNotFound(f"prompt {reference.name!r} has no version {number}")
        return state, *found

    async def _whole(
        self, name: str, version: PromptVersion, actor: Actor, above: tuple[str, ...] = ()
    ) -> tuple[PromptVersion, dict[str, int]]:
        """The version with those that it takes in in their places, and their versions by name."""
        references = references_of(message.content for message in version.messages)
        if not references:
            return version, {}
        if name in above or len(above) >= MAX_DEPTH:
            raise PromptCycle(f"prompt {name!r} takes in itself: {' > '.join((*above, name))}")
        texts, used, variables = dict[PromptReference, str](), dict[str, int](), list(version.variables)
        for reference in references:
            _, other, _ = await self._named(reference, actor)
            text, within = await self._whole(reference.name, _fitting(other, reference, version), actor, (*above, name))
            texts[reference] = text.messages[0].content
            used |= {**within, reference.name: other.number}
            variables += text.variables
        messages = tuple(
            replace(message, content=expand(message.content, texts.__getitem__)) for message in version.messages
        )
        if sum(len(message.content) for message in messages) > MAX_CHARACTERS:
            raise InvalidInput(f"prompt {name!r} with all it takes in is longer than {MAX_CHARACTERS} characters")
        return replace(version, messages=messages, variables=_once(variables)), used

    def _view(self, state: PromptState, version: PromptVersion, created_at: datetime) -> VersionView:
        named = tuple(sorted(label for label, number in state.labels.items() if number == version.number))
        return VersionView(version, tuple(one.name for one in self._texts.variables(version)), named, created_at)


def _fitting(other: PromptVersion, reference: PromptReference, into: PromptVersion) -> PromptVersion:
    """The version, if it can be taken in there; raises InvalidInput."""
    if len(other.messages) != 1:
        raise InvalidInput(
            f"prompt {str(reference)!r} has {len(other.messages)} messages; one with one can be taken in"
        )
    if other.syntax == "jinja" and into.syntax != "jinja":
        raise InvalidInput(f"prompt {str(reference)!r} is a Jinja template; what takes it in has to be one too")
    return other


def _once(variables: list[PromptVariable]) -> tuple[PromptVariable, ...]:
    """Each name once; how the outer prompt declares it goes before."""
    return tuple({one.name: one for one in reversed(variables)}.values())[::-1]


def _lines(version: PromptVersion) -> list[str]:
    return [line for one in version.messages for line in (f"[{one.role}]", *one.content.splitlines())]


def _changed(before: PromptVersion, after: PromptVersion) -> tuple[Changed, ...]:
    pairs = [("kind", before.kind, after.kind), ("syntax", before.syntax, after.syntax)]
    said: list[tuple[str, object, object]] = [*pairs]
    for field in fields(before.parameters):
        said.append((field.name, getattr(before.parameters, field.name), getattr(after.parameters, field.name)))
    old, new = ({one.name: one for one in version.variables} for version in (before, after))
    said += [(f"variable {name}", old.get(name), new.get(name)) for name in sorted({*old, *new})]
    return tuple(Changed(what, first, second) for what, first, second in said if first != second)
