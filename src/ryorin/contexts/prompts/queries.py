"""What can be asked about prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ryorin.contexts.prompts.versions import (
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


@dataclass(frozen=True, slots=True)
class PromptView:
    """A prompt with its labels, each with the version that it names, and the newest version's number."""

    name: str
    latest: int
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A version with its variables filled in, as a model is asked with it."""

    name: str
    version: int
    messages: tuple[PromptMessage, ...]
    parameters: PromptParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrompts(Query[tuple[PromptView, ...]]):
    """Which prompts are there? By name."""

    name: ClassVar[str] = "prompts.list_prompts"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPrompt(Query[VersionView]):
    """What does a version say? Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.get_prompt"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    reference: PromptReference

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
class RenderPrompt(Query[RenderedPrompt]):
    """What does a version say with these values? Raises PromptNotFound; InvalidInput for variables that do not fit."""

    name: ClassVar[str] = "prompts.render_prompt"
    scope: ClassVar[Scope] = Scope.ANSWERS_READ
    read_models: ClassVar[tuple[str, ...]] = (PROMPTS_MODEL,)

    reference: PromptReference
    variables: Mapping[str, str] = field(default_factory=dict)

    def validate(self) -> None:
        self.reference.validate()
        if sum(map(len, self.variables.values())) > MAX_VALUE_CHARACTERS:
            raise InvalidInput(f"the values of a prompt's variables have at most {MAX_VALUE_CHARACTERS} characters")
