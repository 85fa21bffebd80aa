"""What a version of a prompt is, what a prompt is besides its versions, and how a version is named from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import EVERYONE

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# not all digits: in NAME@3 that is a version
LABEL = re.compile(r"(?!\d+$)[a-z0-9][a-z0-9._-]{0,35}")
# also in Jinja templates: what is taken in is text before anything reads the template
PARTIAL = re.compile(r"\{\{>\s*([^\s{}]{1,150})\s*\}\}")
# always names the newest version; nobody moves it
LATEST = "latest"
# meant when nothing is named
PRODUCTION = "production"

PromptRole = Literal["system", "user", "assistant"]
# `text`: one message, which other prompts can take in
PromptKind = Literal["chat", "text"]
# `plain`: {{name}} and nothing else; `jinja`: also conditions, loops and filters (ADR-0028)
TemplateSyntax = Literal["plain", "jinja"]
VariableType = Literal["string", "integer", "number", "boolean", "list", "object"]


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """A turn of the prompt; `content` has variables as `{{name}}`."""

    role: PromptRole
    content: str


@dataclass(frozen=True, slots=True)
class PromptParameters:
    """Model and parameters that belong to a version; None leaves them to whoever asks."""

    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class PromptVariable:
    """A declared variable. One with a `default` may be left out; None is no default."""

    name: str
    type: VariableType = "string"
    description: str = ""
    default: object = None


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One immutable version: what is said, with which parameters, by whom and why.

    `variables` are those that were declared; a plain template may use others too, which are texts.
    """

    number: int
    messages: tuple[PromptMessage, ...]
    parameters: PromptParameters
    note: str
    author: str
    kind: PromptKind = "chat"
    syntax: TemplateSyntax = "plain"
    variables: tuple[PromptVariable, ...] = ()

    def says_the_same(self, other: PromptVersion) -> bool:
        """Whether the two differ in number, note and author only."""
        return replace(other, number=self.number, note=self.note, author=self.author) == self


@dataclass(frozen=True, slots=True)
class LabelGate:
    """What a version has to show before a label names it: to be better than the one that it names now.

    By `metric`, on `split` (None: all items) of a dataset, by more than `margin`; a negative one asks only that it is
    no worse by that much.
    """

    dataset: str
    metric: str
    split: str | None = None
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class PromptAbout:
    """What a prompt is besides its versions; `protected` labels are moved by admins only, and some have gates."""

    folder: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    readers: tuple[str, ...] = (EVERYONE,)
    protected: tuple[str, ...] = ()
    gates: Mapping[str, LabelGate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptState:
    """Which version each label names, `latest` among them, and what the prompt is besides."""

    labels: Mapping[str, int] = field(default_factory=dict)
    about: PromptAbout = field(default_factory=PromptAbout)


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with the variables that it needs, the labels that name it, and when it was made."""

    version: PromptVersion
    variables: tuple[str, ...]
    labels: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PromptReference:
    """A prompt's version: by label (none: `production`) or by number."""

    name: str
    label: str | None = None
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> PromptReference:
        """From `NAME`, `NAME@LABEL` or `NAME@NUMBER`; raises InvalidInput."""
        name, _, which = text.partition("@")
        reference = cls(name, version=int(which)) if which.isascii() and which.isdigit() else cls(name, which or None)
        reference.validate()
        return reference

    def validate(self) -> None:
        """Raise InvalidInput for what can name no version."""
        check_name(self.name)
        if self.label is not None and self.version is not None:
            raise InvalidInput("name a prompt's version by its label or by its number, not by both")
        if self.label is not None:
            check_label(self.label)
        if self.version is not None and not 1 <= self.version < 2**31:
            raise InvalidInput(f"version {self.version} of a prompt cannot be: the first one is 1")

    def __str__(self) -> str:
        return f"{self.name}@{self.version if self.version is not None else self.label or PRODUCTION}"


def references_of(texts: Iterable[str]) -> tuple[PromptReference, ...]:
    """The prompts that are taken in, each once; raises InvalidInput for what can name none."""
    return tuple(dict.fromkeys(PromptReference.parse(name) for text in texts for name in PARTIAL.findall(text)))


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can name a prompt."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"prompt {name[:60]!r} must be 1-100 of A-Z a-z 0-9 . _ - and begin with a letter or digit")


def check_label(label: str) -> None:
    """Raise InvalidInput unless `label` can be a label."""
    if not LABEL.fullmatch(label):
        raise InvalidInput(
            f"label {label[:60]!r} must be 1-36 of a-z 0-9 . _ -, begin with a letter or digit, and be no number"
        )
