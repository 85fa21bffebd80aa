"""What can be asked about prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from ryorin.contexts.prompts.versions import (
    PromptAbout,
    PromptKind,
    PromptMessage,
    PromptParameters,
    PromptReference,
    VersionView,
    check_name,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query, Scope

PROMPTS_MODEL = "prompts.prompts"
MAX_VALUE_CHARACTERS = 100_000
MAX_SIMILAR = 100


@dataclass(frozen=True, slots=True)
class PromptView:
    """A prompt with its labels, each with the version that it names; its versions' numbers, and what the newest is."""

    name: str
    latest: int
    labels: Mapping[str, int]
    versions: tuple[int, ...]
    kind: PromptKind
    parameters: PromptParameters
    updated_at: datetime
    about: PromptAbout


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A version with its variables filled in, as a model is asked with it.

    `takes_in` are the prompts that it took in, with the version of each.
    """

    name: str
    version: int
    messages: tuple[PromptMessage, ...]
    parameters: PromptParameters
    takes_in: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResolvedPrompt:
    """A version with the prompts that it takes in in their places, and its variables still to be filled in."""

    view: VersionView
    about: PromptAbout
    takes_in: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """What one version says and another does not: a parameter, the type, a variable."""

    what: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """From one version to another: the text as a unified diff, and what else is different."""

    prompt: str
    before: int
    after: int
    text: tuple[str, ...]
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrompts(Query[tuple[PromptView, ...]]):
    """Which prompts are there, in a folder (and those in it), with a tag, with a label? By name."""

    name: ClassVar[str] = "prompts.list_prompts"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    folder: str | None = None
    tag: str | None = None
    label: str | None = None

    def passes(self, view: PromptView) -> bool:
        """Whether a prompt is one of those."""
        folder = view.about.folder
        return (
            (self.folder is None or folder == self.folder or folder.startswith(f"{self.folder}/"))
            and (self.tag is None or self.tag in view.about.tags)
            and (self.label is None or self.label in view.labels)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPrompt(Query[VersionView]):
    """What does a version say? Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.get_prompt"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    reference: PromptReference

    def touches(self) -> str:
        return f"prompt:{self.reference.name}"

    def validate(self) -> None:
        self.reference.validate()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPromptVersions(Query[tuple[VersionView, ...]]):
    """Which versions does a prompt have? Newest first. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.list_versions"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    prompt: str

    def validate(self) -> None:
        check_name(self.prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersionsOf(Query[Mapping[str, tuple[VersionView, ...]]]):
    """Which versions do these prompts have? Newest first; of those that are not there, nothing is said."""

    name: ClassVar[str] = "prompts.list_versions_of"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimilarPrompt:
    """A prompt by its newest version, and how like another's it is (-1 to 1)."""

    name: str
    version: int
    likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPrompts(Query[tuple[SimilarPrompt, ...]]):
    """Which prompts say nearly what this one says? Most alike first. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.similar"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    reference: PromptReference
    top_k: int = 10

    def validate(self) -> None:
        self.reference.validate()
        if not 1 <= self.top_k <= MAX_SIMILAR:
            raise InvalidInput(f"top_k is {self.top_k}; it must be 1-{MAX_SIMILAR}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPrompt(Query[RenderedPrompt]):
    """What does a version say with these values? Raises PromptNotFound; InvalidInput for variables that do not fit."""

    name: ClassVar[str] = "prompts.render_prompt"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    reference: PromptReference
    variables: Mapping[str, object] = field(default_factory=dict)

    def touches(self) -> str:
        return f"prompt:{self.reference.name}"

    def validate(self) -> None:
        self.reference.validate()
        if len(json.dumps(self.variables, default=str)) > MAX_VALUE_CHARACTERS:
            raise InvalidInput(f"the values of a prompt's variables have at most {MAX_VALUE_CHARACTERS} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvePrompt(Query[ResolvedPrompt]):
    """What does a version say, with those that it takes in? Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.resolve_prompt"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    reference: PromptReference

    def touches(self) -> str:
        return f"prompt:{self.reference.name}"

    def validate(self) -> None:
        self.reference.validate()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffPromptVersions(Query[PromptDiff]):
    """What did a prompt say before that it does not say after? Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.diff_versions"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    prompt: str
    before: PromptReference
    after: PromptReference

    def validate(self) -> None:
        self.before.validate()
        self.after.validate()
        if {self.before.name, self.after.name} != {self.prompt}:
            raise InvalidInput("versions of two prompts cannot be compared")
