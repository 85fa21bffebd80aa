"""What can be done to prompts: versions are made, labels move, readers are chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ryorin.contexts.prompts.versions import (
    LATEST,
    VARIABLE_NAME,
    LabelGate,
    PromptKind,
    PromptMessage,
    PromptParameters,
    PromptVariable,
    TemplateSyntax,
    check_label,
    check_name,
)
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Command, Result, Scope
from ryorin.kernel.sharing import check_readers, check_tag, printable, scopes_to_share

MAX_MESSAGES = 50
MAX_CHARACTERS = 100_000
MAX_NOTE_CHARACTERS = 1000
MAX_LABELS = 20
MAX_VARIABLES = 100
MAX_TAGS = 50
MAX_FOLDER_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 2000
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
    kind: PromptKind = "chat"
    syntax: TemplateSyntax = "plain"
    variables: tuple[PromptVariable, ...] = ()
    protected: bool = False

    def needs(self) -> tuple[Scope, ...]:
        return _needed(self.protected)

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
        if self.kind == "text" and len(self.messages) != 1:
            raise InvalidInput(f"a prompt of the kind text has one message, not {len(self.messages)}")
        for label in self.labels:
            _check_movable(label)
        _check_variables(self.variables)
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
    protected: bool = False

    def needs(self) -> tuple[Scope, ...]:
        return _needed(self.protected)

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
    protected: bool = False

    def needs(self) -> tuple[Scope, ...]:
        return _needed(self.protected)

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
    protected: bool = False

    def needs(self) -> tuple[Scope, ...]:
        return _needed(self.protected)

    def validate(self) -> None:
        check_name(self.prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribePrompt(Command):
    """Say where a prompt belongs and what it is for; None keeps what is said. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.describe"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    folder: str | None = None
    tags: tuple[str, ...] | None = None
    description: str | None = None

    def validate(self) -> None:
        check_name(self.prompt)
        if self.folder:
            _check_folder(self.folder)
        if len(self.tags or ()) > MAX_TAGS:
            raise InvalidInput(f"a prompt has at most {MAX_TAGS} tags")
        for tag in self.tags or ():
            check_tag(tag)
        if len(self.description or "") > MAX_DESCRIPTION_CHARACTERS or "\x00" in (self.description or ""):
            raise InvalidInput(f"a prompt's description has at most {MAX_DESCRIPTION_CHARACTERS} characters and no NUL")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePrompt(Command):
    """Decide who may read a prompt: `*` for the whole organisation, `user:NAME`, `group:NAME`; `public` for whoever
    it is, which takes an admin. Raises PromptNotFound.

    Who may change prompts may change this one still: readers are no editors.
    """

    name: ClassVar[str] = "prompts.share"
    scope: ClassVar[Scope] = Scope.PROMPTS_WRITE
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    readers: tuple[str, ...]

    def needs(self) -> tuple[Scope, ...]:
        return scopes_to_share(self.scope, self.readers)

    def validate(self) -> None:
        check_name(self.prompt)
        check_readers(self.readers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectPromptLabel(Command):
    """Leave moving a label to admins, or to all editors again. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.protect_label"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    label: str
    protected: bool = True

    def validate(self) -> None:
        check_name(self.prompt)
        _check_movable(self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePromptLabel(Command):
    """Say what a version has to show before a label names it; None: nothing any more. Raises PromptNotFound."""

    name: ClassVar[str] = "prompts.gate_label"
    scope: ClassVar[Scope] = Scope.ADMIN
    result_type: ClassVar[type[Result]] = PromptChanged

    prompt: str
    label: str
    gate: LabelGate | None = None

    def validate(self) -> None:
        check_name(self.prompt)
        _check_movable(self.label)
        if self.gate is not None:
            _within("margin", self.gate.margin, -1, 1)


COMMANDS: tuple[type[Command], ...] = (
    CreatePromptVersion,
    MovePromptLabel,
    RemovePromptLabel,
    RemovePrompt,
    DescribePrompt,
    SharePrompt,
    ProtectPromptLabel,
    GatePromptLabel,
)


def _needed(protected: bool) -> tuple[Scope, ...]:
    """The scopes of what may touch a protected label: who says that it is meant has to be an admin."""
    return (Scope.PROMPTS_WRITE, Scope.ADMIN) if protected else (Scope.PROMPTS_WRITE,)


def _check_variables(variables: tuple[PromptVariable, ...]) -> None:
    if len(variables) > MAX_VARIABLES:
        raise InvalidInput(f"a prompt has at most {MAX_VARIABLES} variables")
    for variable in variables:
        if not VARIABLE_NAME.fullmatch(variable.name):
            raise InvalidInput(f"variable {variable.name[:60]!r} must be letters, digits and _, no digit first")


def _check_folder(folder: str) -> None:
    parts = folder.split("/")
    fits = len(folder) <= MAX_FOLDER_CHARACTERS and printable(folder)
    if not fits or any(not part.strip() or part in (".", "..") for part in parts):
        raise InvalidInput(f"folder {folder[:80]!r} must be names with / between them")


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
