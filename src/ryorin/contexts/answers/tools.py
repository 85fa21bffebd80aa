"""Tools that a model may call, and the form that its answer must have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ryorin.kernel.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_TOOLS = 128
MAX_DESCRIPTION_CHARACTERS = 260_000
CHOICES = ("none", "auto", "required")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller carries out; `parameters` is a JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to have a tool called; `arguments` are JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """A piece of the tool call number `index`; id and name come with the first one."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Which tools there are, and whether one must be called: none, auto, required, or the one of that name."""

    tools: tuple[Tool, ...]
    choice: str = "auto"
    parallel: bool | None = None

    def validate(self) -> None:
        """Raise InvalidInput for tools that no model could be given."""
        names = [tool.name for tool in self.tools]
        if len(self.tools) > MAX_TOOLS:
            raise InvalidInput(f"{len(self.tools)} tools were given; at most {MAX_TOOLS} are allowed")
        for name in names:
            if not NAME.fullmatch(name):
                raise InvalidInput(f"tool name {name[:70]!r} must be 1-64 letters, digits, _ or -")
        if len(set(names)) < len(names):
            raise InvalidInput("two tools have the same name")
        if self.choice not in CHOICES and self.choice not in names:
            raise InvalidInput(f"tool_choice names {self.choice[:70]!r}, which is not among the tools")


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The answer is a JSON object; of this schema, if there is one."""

    schema: Mapping[str, object] | None = None
    name: str = "answer"
    strict: bool | None = None

    def validate(self) -> None:
        """Raise InvalidInput for a name that providers do not take."""
        if not NAME.fullmatch(self.name):
            raise InvalidInput(f"response_format's name {self.name[:70]!r} must be 1-64 letters, digits, _ or -")


class CollectedCalls:
    """Tool calls put together from their pieces."""

    def __init__(self) -> None:
        self._calls: dict[int, ToolCall] = {}

    def add(self, pieces: Sequence[ToolCallPiece]) -> None:
        """Take pieces as they come."""
        for piece in pieces:
            before = self._calls.get(piece.index, ToolCall("", "", ""))
            self._calls[piece.index] = ToolCall(
                before.id or piece.id or "", before.name or piece.name or "", before.arguments + piece.arguments
            )

    @property
    def all(self) -> tuple[ToolCall, ...]:
        """The calls, in order."""
        return tuple(call for _, call in sorted(self._calls.items()))


def pieces_of(calls: Sequence[ToolCall]) -> tuple[ToolCallPiece, ...]:
    """Whole calls as pieces of a stream."""
    return tuple(ToolCallPiece(index, call.id, call.name, call.arguments) for index, call in enumerate(calls))


def size_of(use: ToolUse | None) -> str:
    """What a prompt's tools say, as text to count tokens of."""
    if use is None:
        return ""
    return json.dumps([[tool.name, tool.description, tool.parameters] for tool in use.tools], default=dict)
