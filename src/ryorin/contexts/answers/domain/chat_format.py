"""Messages, tools, forms and usage as OpenAI's chat completions have them: what most servers of models speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ryorin.contexts.answers.queries import ChatMessage, Usage
from ryorin.contexts.answers.tools import CHOICES, AnswerForm, ToolCallPiece, ToolUse


def estimated_tokens(text: str) -> int:
    """An estimate on the safe side: a token for three Latin letters or one Japanese character."""
    wide = sum(ord(character) > 0x2E7F for character in text)  # noqa: PLR2004 - where CJK begins
    return wide + (len(text) - wide) // 3 + 1


def message_of(message: ChatMessage) -> dict[str, Any]:
    """A message for a provider."""
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        body["content"] = message.content or None
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    if message.call_id is not None:
        body["tool_call_id"] = message.call_id
    return body


def tool_fields(use: ToolUse | None) -> dict[str, Any]:
    """The fields of a request that tell of tools; None leaves one out."""
    if use is None:
        return {}
    tools = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": tool.parameters or {"type": "object", "properties": {}},
                **({"strict": tool.strict} if tool.strict is not None else {}),
            },
        }
        for tool in use.tools
    ]
    named = {"type": "function", "function": {"name": use.choice}}
    return {
        "tools": tools,
        "tool_choice": use.choice if use.choice in CHOICES else named,
        "parallel_tool_calls": use.parallel,
    }


def response_format(form: AnswerForm | None) -> dict[str, Any] | None:
    """The form of the answer for a provider."""
    if form is None:
        return None
    if form.schema is None:
        return {"type": "json_object"}
    schema = {"name": form.name, "schema": form.schema, **({"strict": form.strict} if form.strict is not None else {})}
    return {"type": "json_schema", "json_schema": schema}


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens as a provider counted them; what it does not say is 0."""
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    return Usage(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        prompt.get("cached_tokens") or 0,
        prompt.get("cache_creation_tokens") or usage.get("cache_creation_input_tokens") or 0,
        completion.get("reasoning_tokens") or 0,
    )


def calls_of(calls: Sequence[Mapping[str, Any]] | None) -> tuple[ToolCallPiece, ...]:
    """Tool calls, whole or in pieces."""
    pieces = []
    for number, call in enumerate(calls or ()):
        function = call.get("function") or {}
        pieces.append(
            ToolCallPiece(
                call.get("index", number), call.get("id"), function.get("name"), function.get("arguments") or ""
            )
        )
    return tuple(pieces)
