"""Tools and forms for local models, enforced by a grammar: a small model cannot write anything else.

llama.cpp makes a grammar of a JSON schema. What tools the model may call, with which arguments, is put into one; so a
call that is required is made, and its arguments fit their schema.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from ryorin.contexts.answers.queries import ChatMessage
from ryorin.contexts.answers.read.ports import ChatDelta, ChatRequest
from ryorin.contexts.answers.tools import AnswerForm, Tool, ToolCallPiece

ANY_OBJECT: Mapping[str, object] = {"type": "object"}
REPLY_CHARACTERS = 4000


def speaks_of_tools(request: ChatRequest) -> bool:
    """Whether what the model says is a choice between tools."""
    return request.tools is not None and request.tools.choice != "none" and bool(request.tools.tools)


def form_of(request: ChatRequest) -> AnswerForm | None:
    """The form that the model is held to."""
    if not speaks_of_tools(request) or request.tools is None:
        return request.form
    choice = request.tools.choice
    tools = [tool for tool in request.tools.tools if choice in ("auto", "required", tool.name)]
    forms: list[object] = [_call(tool) for tool in tools]
    if choice == "auto":
        reply = {"type": "string", "minLength": 1, "maxLength": REPLY_CHARACTERS}
        forms.append(_object({"reply": reply}))
    return AnswerForm(forms[0] if len(forms) == 1 else {"anyOf": forms})  # type: ignore[arg-type]  # a JSON schema


def _call(tool: Tool) -> object:
    return _object({"tool": {"const": tool.name}, "arguments": tool.parameters or ANY_OBJECT})


def _object(properties: Mapping[str, object]) -> object:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def instructed(request: ChatRequest) -> tuple[ChatMessage, ...]:
    """The conversation, with the tools put before it, and earlier calls and their results as text.

    Templates of small models know no tools.
    """
    messages = tuple(_spoken(message) for message in request.messages)
    if request.tools is None or not speaks_of_tools(request):
        return messages
    listed = "\n".join(
        f"- {tool.name}: {tool.description} Arguments: {json.dumps(tool.parameters or {}, default=dict)}"
        for tool in request.tools.tools
    )
    rule = 'Answer with {"tool": NAME, "arguments": {...}} to call one'
    rule += ', or with {"reply": TEXT}.' if request.tools.choice == "auto" else "."
    system = f"You can call these tools:\n{listed}\n{rule}"
    if messages and messages[0].role == "system":
        return (ChatMessage("system", f"{messages[0].content}\n\n{system}"), *messages[1:])
    return (ChatMessage("system", system), *messages)


def _spoken(message: ChatMessage) -> ChatMessage:
    if message.role == "tool":
        return ChatMessage("user", f"Result of the tool: {message.content}")
    if message.calls:
        calls = "\n".join(f'{{"tool": "{call.name}", "arguments": {call.arguments}}}' for call in message.calls)
        return ChatMessage("assistant", f"{message.content}\n{calls}".strip())
    return message


def heard(said: str, finish_reason: str) -> ChatDelta:
    """What the model chose; as text when it was cut off before it had said so."""
    try:
        choice: dict[str, Any] = json.loads(said)
        if "reply" in choice:
            return ChatDelta(choice["reply"], finish_reason)
        call = ToolCallPiece(
            0, f"call_{secrets.token_hex(12)}", choice["tool"], json.dumps(choice["arguments"], ensure_ascii=False)
        )
    except (ValueError, KeyError, TypeError):
        return ChatDelta(said, finish_reason)
    return ChatDelta("", "tool_calls", None, (call,))
