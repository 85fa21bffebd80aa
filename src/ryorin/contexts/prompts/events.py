"""What happened to prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.prompts.versions import LabelGate, PromptVersion
from ryorin.kernel.events import Event


@dataclass(frozen=True, slots=True)
class PromptVersionCreated(Event):
    """A version is there; it is the latest one."""

    type: ClassVar[str] = "prompts.version_created"

    prompt: str
    version: PromptVersion


@dataclass(frozen=True, slots=True)
class PromptLabelMoved(Event):
    """A label names another version than before, or its first."""

    type: ClassVar[str] = "prompts.label_moved"

    prompt: str
    label: str
    version: int


@dataclass(frozen=True, slots=True)
class PromptLabelRemoved(Event):
    """A label names nothing any more."""

    type: ClassVar[str] = "prompts.label_removed"

    prompt: str
    label: str


@dataclass(frozen=True, slots=True)
class PromptRemoved(Event):
    """A prompt is gone with its versions and labels; numbers go on if it comes again."""

    type: ClassVar[str] = "prompts.prompt_removed"

    prompt: str


@dataclass(frozen=True, slots=True)
class PromptDescribed(Event):
    """Where a prompt belongs and what it is for was said."""

    type: ClassVar[str] = "prompts.described"

    prompt: str
    folder: str
    tags: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class PromptShared(Event):
    """Others may read a prompt than before."""

    type: ClassVar[str] = "prompts.shared"

    prompt: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PromptLabelProtected(Event):
    """A label is moved by admins only from now on, or no longer so."""

    type: ClassVar[str] = "prompts.label_protected"

    prompt: str
    label: str
    protected: bool


@dataclass(frozen=True, slots=True)
class PromptLabelGated(Event):
    """From now on a version has to show something before the label names it; None: no more."""

    type: ClassVar[str] = "prompts.label_gated"

    prompt: str
    label: str
    gate: LabelGate | None


EVENTS: tuple[type[Event], ...] = (
    PromptVersionCreated,
    PromptLabelMoved,
    PromptLabelRemoved,
    PromptRemoved,
    PromptDescribed,
    PromptShared,
    PromptLabelProtected,
    PromptLabelGated,
)
