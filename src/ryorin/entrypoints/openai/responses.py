"""/v1/responses: OpenAI's newer form of a conversation, on the same questions; nothing is stored for later turns."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ryorin.contexts.answers.queries import Answer, AnswerPart
from ryorin.contexts.answers.tools import ToolCall
from ryorin.entrypoints.openai import render, wire
from ryorin.entrypoints.problems import status_of
from ryorin.kernel.errors import InvalidInput, RyorinError


class Content(Struct):
    """A piece of a turn; only text can be answered."""

    type: str
    text: str = ""


class Item(Struct):
    """A turn, a call that the model made, or what came of it."""

    type: Literal["message", "function_call", "function_call_output"] = "message"
    role: Literal["system", "developer", "user", "assistant"] = "user"
    content: str | list[Content] = ""
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""
    output: str | list[Content] = ""


class ToolBody(Struct):
    """A function that may be called."""

    name: str = ""
    type: str = "function"
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedTool(Struct):
    """The function that must be called."""

    name: str
    type: Literal["function"] = "function"


class Format(Struct):
    """The form of the text."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str = "answer"
    schema: dict[str, Any] = {}
    strict: bool | None = None


class TextOptions(Struct):
    """How the text should be."""

    format: Format | None = None


class StoredPrompt(Struct):
    """A stored prompt by its name, its version by number; none: the one that is `production`."""

    id: str
    version: str | None = None
    variables: dict[str, str | int | float | bool] | None = None


class NamedConversation(Struct):
    """A conversation by its id."""

    id: str


class ResponsesBody(Struct):
    """A request for a response."""

    input: str | list[Item]
    model: str = ""
    instructions: str | None = None
    stream: bool | None = False
    temperature: wire.Temperature | None = None
    top_p: wire.Share | None = None
    max_output_tokens: wire.Tokens | None = None
    tools: list[ToolBody] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    previous_response_id: str | None = None
    background: bool | None = None
    prompt: StoredPrompt | None = None
    conversation: str | NamedConversation | None = None
    ryorin: wire.RyorinOptions | None = None


_decoder = msgspec.json.Decoder(ResponsesBody)


def decode(body: bytes) -> tuple[ResponsesBody, wire.ChatBody]:
    """The request, and as a chat completion; raises InvalidInput naming the field."""
    try:
        asked = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not a request for a response: {error}") from error
    if asked.previous_response_id is not None:
        raise InvalidInput("responses are not stored: send the earlier turns as input, without previous_response_id")
    if asked.background:
        raise InvalidInput("background responses are not supported; use stream")
    return asked, _as_chat(asked)


def _as_chat(asked: ResponsesBody) -> wire.ChatBody:
    items = [Item(content=asked.input)] if isinstance(asked.input, str) else asked.input
    messages = [wire.Message("system", asked.instructions)] if asked.instructions else []
    messages += [_message(item) for item in items]
    choice = asked.tool_choice
    chosen = wire.ChosenTool(wire.FunctionName(choice.name)) if isinstance(choice, NamedTool) else choice
    return wire.checked(
        wire.ChatBody(
            messages=messages,
            model=asked.model,
            stream=asked.stream,
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_output_tokens,
            tools=[_tool(tool) for tool in asked.tools] if asked.tools else None,
            tool_choice=chosen,
            parallel_tool_calls=asked.parallel_tool_calls,
            response_format=_format(asked.text.format if asked.text else None),
            ryorin=_options(asked),
        )
    )


def _options(asked: ResponsesBody) -> wire.RyorinOptions | None:
    """What Ryorin adds, with what OpenAI has a form of its own for."""
    if asked.prompt is None and asked.conversation is None:
        return asked.ryorin
    options = asked.ryorin or wire.RyorinOptions()
    if asked.conversation is not None:
        named = asked.conversation if isinstance(asked.conversation, str) else asked.conversation.id
        options = msgspec.structs.replace(options, conversation=named)
    if asked.prompt is not None:
        version = asked.prompt.version
        if version is not None and not (version.isascii() and version.isdigit()):
            raise InvalidInput(f"version {version[:40]!r} of the prompt is no number")
        number = None if version is None else int(version)
        prompt = wire.PromptOptions(asked.prompt.id, None, number, asked.prompt.variables or {})
        options = msgspec.structs.replace(options, prompt=prompt)
    return options


def _message(item: Item) -> wire.Message:
    if item.type == "function_call":
        call = wire.CalledTool(item.call_id or "", wire.CalledFunction(item.name or "", item.arguments))
        return wire.Message("assistant", None, [call])
    if item.type == "function_call_output":
        return wire.Message("tool", _text(item.output), None, item.call_id)
    return wire.Message(item.role, _text(item.content))


def _text(content: str | list[Content]) -> str:
    if isinstance(content, str):
        return content
    if any(piece.type not in ("input_text", "output_text", "text") for piece in content):
        raise InvalidInput("only text can be answered; leave pictures, files and sound out")
    return "".join(piece.text for piece in content)


def _tool(tool: ToolBody) -> wire.FunctionTool:
    if tool.type != "function":
        raise InvalidInput(f"tools of type {tool.type[:40]!r} are not supported; only functions are")
    return wire.FunctionTool(wire.Function(tool.name, tool.description, tool.parameters, tool.strict))


def _format(wanted: Format | None) -> wire.ResponseFormat | None:
    if wanted is None or wanted.type == "text":
        return None
    schema = wire.JsonSchema(wanted.name, wanted.schema, wanted.strict) if wanted.type == "json_schema" else None
    return wire.ResponseFormat(wanted.type, schema)


def response(answer: Answer, name: str, asked: ResponsesBody) -> dict[str, Any]:
    """A whole response."""
    incomplete = answer.finish_reason == "length"
    counted = answer.usage
    usage = {
        "input_tokens": counted.prompt_tokens,
        "input_tokens_details": {"cached_tokens": counted.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": counted.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
        "total_tokens": counted.prompt_tokens + counted.completion_tokens,
    }
    return {
        **_head(name, answer.created, answer.model, asked),
        "status": "incomplete" if incomplete else "completed",
        "conversation": {"id": answer.conversation.id} if answer.conversation else None,
        "incomplete_details": {"reason": "max_output_tokens"} if incomplete else None,
        "output": _output(answer, name),
        "usage": usage,
        "ryorin": render.details(answer),
    }


def _head(name: str, created: int, model: str, asked: ResponsesBody) -> dict[str, Any]:
    return {
        "id": name,
        "object": "response",
        "created_at": created,
        "model": model,
        "status": "in_progress",
        "error": None,
        "instructions": asked.instructions,
        "output": [],
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "tool_choice": msgspec.to_builtins(asked.tool_choice) or "auto",
        "tools": [msgspec.to_builtins(tool) for tool in asked.tools or ()],
        "store": False,
    }


def _output(answer: Answer, name: str) -> list[dict[str, Any]]:
    calls = [_call(call, name, number) for number, call in enumerate(answer.calls)]
    return [*([_said(answer.text, name, "completed")] if answer.text or not calls else []), *calls]


def _said(text: str, name: str, status: str) -> dict[str, Any]:
    content = (
        [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}] if status == "completed" else []
    )
    return {"id": f"msg_{name}", "type": "message", "role": "assistant", "status": status, "content": content}


def _call(call: ToolCall, name: str, number: int) -> dict[str, Any]:
    return {
        "id": f"fc_{name}_{number}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }


def new_id() -> str:
    """A response's id."""
    return f"resp_{secrets.token_hex(12)}"


class _Numbered:
    """Events with their sequence numbers."""

    def __init__(self) -> None:
        self._next = 0

    def event(self, kind: str, **body: Any) -> bytes:
        told = {"type": kind, "sequence_number": self._next, **body}
        self._next += 1
        return f"event: {kind}\ndata: ".encode() + render.encode(told) + b"\n\n"


async def events(
    parts: AsyncGenerator[AnswerPart, None], first: AnswerPart | None, asked: ResponsesBody
) -> AsyncGenerator[bytes, None]:
    """Server-sent events of a response; an error in its middle is an event too."""
    numbered, name, created = _Numbered(), new_id(), int(time.time())
    head = _head(name, created, asked.model, asked)
    yield numbered.event("response.created", response=head)
    yield numbered.event("response.in_progress", response=head)
    begun, answer = False, None
    place = {"item_id": f"msg_{name}", "output_index": 0, "content_index": 0}
    try:
        async with aclosing(parts):
            part = first
            while part is not None:
                if part.text:
                    if not begun:
                        begun = True
                        empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
                        yield numbered.event(
                            "response.output_item.added", output_index=0, item=_said("", name, "in_progress")
                        )
                        yield numbered.event("response.content_part.added", **place, part=empty)
                    yield numbered.event("response.output_text.delta", **place, delta=part.text, logprobs=[])
                answer = part.answer or answer
                part = await anext(parts, None)
    except RyorinError as failure:
        told = render.error(status_of(failure), failure)["error"]
        yield numbered.event("error", code=told["code"], message=told["message"], param=None)
        return
    if answer is None:
        return
    for event in _ending(numbered, answer, name, begun, place):
        yield event
    yield numbered.event("response.completed", response=response(answer, name, asked))


def _ending(numbered: _Numbered, answer: Answer, name: str, begun: bool, place: dict[str, Any]) -> list[bytes]:
    told = []
    if begun:
        said = _said(answer.text, name, "completed")
        told.append(numbered.event("response.output_text.done", **place, text=answer.text, logprobs=[]))
        told.append(numbered.event("response.content_part.done", **place, part=said["content"][0]))
        told.append(numbered.event("response.output_item.done", output_index=0, item=said))
    for number, call in enumerate(answer.calls):
        item, index = _call(call, name, number), number + int(begun)
        where = {"item_id": item["id"], "output_index": index}
        empty = {**item, "arguments": "", "status": "in_progress"}
        told.append(numbered.event("response.output_item.added", output_index=index, item=empty))
        told.append(numbered.event("response.function_call_arguments.delta", **where, delta=call.arguments))
        told.append(
            numbered.event("response.function_call_arguments.done", **where, arguments=call.arguments, name=call.name)
        )
        told.append(numbered.event("response.output_item.done", output_index=index, item=item))
    return told
