"""What can be done to prompts: versions are made, labels move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ryorin.contexts.prompts.versions import (
    LATEST,
    PromptMessage,
    PromptParameters,
    check_label,
    check_name,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope

MAX_MESSAGES = 50
MAX_CHARACTERS = 100_000
MAX_NOTE_CHARACTERS = 1000
MAX_LABELS = 20
MAX_TEMPERATURE = 2.0
MAX_OUTPUT_TOKENS = 32_768


@dataclass(frozen=True, slots=True)
class PromptChanged(Result):
    """The prompt, and the version that it is about; None where it is about no version."""

    prompt: str
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePromptVersion(Command):
    """Make a new version, the prompt with it if there is none, and move labels to it.

    What equals the latest version makes no new one.
    """

    name: ClassVar[str] = "prompts.create_version"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    messages: tuple[PromptMessage, ...]
    parameters: PromptParameters = field(default_factory=PromptParameters)
    note: str = ""
    labels: tuple[str, ...] = ()

    def validate(self) -> None:
        check_name(self.prompt)
        if not 1 <= len(self.messages) <= MAX_MESSAGES:
            raise InvalidInput(f"a prompt has 1-{MAX_MESSAGES} messages, not {len(self.messages)}")
        if not any(message.content.strip() for message in self.messages):
            raise InvalidInput("the prompt says nothing")
        if sum(len(message.content) for message in self.messages) > MAX_CHARACTERS:
            raise InvalidInput(f"a prompt has at most {MAX_CHARACTERS} characters")
        if len(self.note) > MAX_NOTE_CHARACTERS:
            raise InvalidInput(f"a version's note has at most {MAX_NOTE_CHARACTERS} characters")
        if len(self.labels) > MAX_LABELS:
            raise InvalidInput(f"at most {MAX_LABELS} labels can be moved at once")
        for label in self.labels:
            _check_movable(label)
        _check_parameters(self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePromptLabel(Command):
    """Have a label name a version; back to an earlier one is the rollback. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.move_label"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    label: str
    version: int

    def validate(self) -> None:
        check_name(self.prompt)
        _check_movable(self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePromptLabel(Command):
    """Have a label name nothing. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.remove_label"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    label: str

    def validate(self) -> None:
        check_name(self.prompt)
        _check_movable(self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePrompt(Command):
    """Take a prompt away with all its versions. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.remove_prompt"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str

    def validate(self) -> None:
        check_name(self.prompt)


COMMANDS: tuple[type[Command], ...] = (CreatePromptVersion, MovePromptLabel, RemovePromptLabel, RemovePrompt)


def _check_movable(label: str) -> None:
    check_label(label)
    if label == LATEST:
        raise InvalidInput(f"the label {LATEST!r} always names the newest version; it cannot be moved or removed")


def _check_parameters(given: PromptParameters) -> None:
    _within("temperature", given.temperature, 0, MAX_TEMPERATURE)
    _within("top_p", given.top_p, 0, 1)
    _within("max_tokens", given.max_tokens, 1, MAX_OUTPUT_TOKENS)
    _within("seed", given.seed, -(2**63), 2**63 - 1)


def _within(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInput(f"{name} is {value:g}; it must be {least:g}-{most:g}")
