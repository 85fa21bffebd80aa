"""What happened to prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryorin.contexts.prompts.versions import PromptVersion
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


EVENTS: tuple[type[Event], ...] = (PromptVersionCreated, PromptLabelMoved, PromptLabelRemoved, PromptRemoved)
