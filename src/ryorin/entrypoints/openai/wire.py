"""Bodies of the OpenAI API, decoded strictly where they matter and tolerant of everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ryorin.contexts.answers.queries import (
    AnswerQuestion,
    CacheOptions,
    ChatMessage,
    GroundingOptions,
    PanelOptions,
    PromptUse,
    Role,
    SamplingOptions,
)
from ryorin.contexts.answers.tools import AnswerForm, Tool, ToolCall, ToolUse
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import LogPosition

Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=1, le=32_768)]


class TextPart(Struct):
    """A part of a message; only text can be answered."""

    type: str
    text: str = ""


class CalledFunction(Struct):
    """What the assistant wanted called, its arguments as JSON text."""

    name: str
    arguments: str


class CalledTool(Struct):
    """A call that the assistant asked for in an earlier turn."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class Function(Struct):
    """A function that may be called; `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Struct):
    """A tool; only functions are known."""

    function: Function
    type: Literal["function"] = "function"


class FunctionName(Struct):
    """A function by its name."""

    name: str


class ChosenTool(Struct):
    """The tool that must be called."""

    function: FunctionName
    type: Literal["function"] = "function"


class JsonSchema(Struct):
    """The schema that an answer must have."""

    name: str
    schema: dict[str, Any] = {}
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Struct):
    """The form of an answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class Message(Struct):
    """One turn; `developer` is OpenAI's newer name for `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


class ExpertsOptions(Struct, forbid_unknown_fields=True):
    """How experts answer (model `experts`)."""

    top_k: int = 1
    fusion: Literal["best", "vote", "synthesis"] = "best"
    deadline_seconds: float = 30.0
    model: str | None = None


class PromptOptions(Struct, forbid_unknown_fields=True):
    """A stored prompt that goes before the messages, its version by label or number; its variables' values."""

    name: str
    label: str | None = None
    version: int | None = None
    variables: dict[str, Any] = {}


class RyorinOptions(Struct, forbid_unknown_fields=True):
    """What Ryorin adds to the request."""

    collection: str | None = None
    top_k: Annotated[int, Meta(ge=1, le=100)] | None = None
    tags: list[str] = []
    metadata: dict[str, str] = {}
    documents: list[str] = []
    expand: bool | None = None
    rerank: str | None = None
    cache: bool = True
    freshness: Literal["strict", "bounded", "ttl"] | None = None
    max_staleness_seconds: float | None = None
    stale_while_revalidate_seconds: float | None = None
    ttl_seconds: float | None = None
    semantic: bool | None = None
    experts: ExpertsOptions | None = None
    prompt: PromptOptions | None = None
    conversation: str | None = None
    consistency_token: str | None = None
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 10.0


class StreamOptions(Struct):
    """What a stream should also tell."""

    include_usage: bool = False


class ChatBody(Struct):
    """A chat completion request."""

    messages: list[Message]
    model: str = ""
    stream: bool | None = False
    prompt: PromptOptions | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: str | list[str] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    n: int | None = 1
    tools: list[FunctionTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    functions: Any | UnsetType = UNSET
    logprobs: bool | None = None
    response_format: ResponseFormat | None = None
    ryorin: RyorinOptions | None = None


class EmbeddingsBody(Struct):
    """An embeddings request; `input_type` tells questions from the texts they should find."""

    input: str | list[str]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: Literal["query", "passage"] = "passage"


_chat = msgspec.json.Decoder(ChatBody)
_embeddings = msgspec.json.Decoder(EmbeddingsBody)


def decode_chat(body: bytes) -> ChatBody:
    """Decode a chat request; raises InvalidInput naming the field."""
    try:
        decoded = _chat.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not a chat completion request: {error}") from error
    return checked(decoded)


class RerankDocument(Struct):
    """A text to be judged."""

    text: str


class RerankTextsBody(Struct):
    """A question and texts that may answer it, as Cohere and Jina take them."""

    query: str
    documents: list[str | RerankDocument]
    model: str = ""
    top_n: int | None = None
    return_documents: bool = False


_rerank = msgspec.json.Decoder(RerankTextsBody)


def decode_rerank(body: bytes) -> RerankTextsBody:
    """Decode a rerank request; raises InvalidInput naming the field."""
    try:
        return _rerank.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not a rerank request: {error}") from error


def decode_embeddings(body: bytes) -> EmbeddingsBody:
    """Decode an embeddings request; raises InvalidInput naming the field."""
    try:
        return _embeddings.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"the body is not an embeddings request (token arrays are not accepted, send text): {error}"
        raise InvalidInput(detail) from error


def checked(body: ChatBody) -> ChatBody:
    """The request; what would change the answer's meaning is refused, what would not is passed over."""
    if body.n not in (None, 1):
        raise InvalidInput(f"n is {body.n}; only one choice can be made")
    if body.functions not in (UNSET, None, []):
        raise InvalidInput("functions are a form that OpenAI gave up; send them as tools")
    if body.logprobs:
        raise InvalidInput("logprobs are not supported; leave them out")
    form = body.response_format
    if form is not None and form.type == "json_schema" and form.json_schema is None:
        raise InvalidInput("response_format of type json_schema needs json_schema")
    return body


def to_question(body: ChatBody, default_model: str) -> AnswerQuestion:
    """The question behind a request; a model may name its collection as MODEL/collection/NAME."""
    options = body.ryorin or RyorinOptions()
    prompt = body.prompt or options.prompt
    # a prompt, or settings of who is in a conversation, may say which model answers
    model, collection = split_model(body.model, "" if prompt or options.conversation else default_model)
    collection = options.collection or collection
    grounding = None
    if collection is not None:
        grounding = GroundingOptions(
            collection,
            options.top_k,
            tuple(options.tags),
            options.metadata,
            tuple(options.documents),
            options.expand,
            options.rerank,
        )
    return AnswerQuestion(
        messages=tuple(_message(message) for message in body.messages),
        model=model,
        grounding=grounding,
        sampling=SamplingOptions(
            temperature=body.temperature,
            top_p=body.top_p,
            max_tokens=body.max_completion_tokens or body.max_tokens,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            seed=body.seed,
        ),
        use_cache=options.cache,
        cache=CacheOptions(
            options.freshness,
            options.max_staleness_seconds,
            options.stale_while_revalidate_seconds,
            options.ttl_seconds,
            options.semantic,
        ),
        panel=_panel(options.experts),
        prompt=_prompt(prompt),
        conversation=options.conversation,
        tools=_tools(body),
        form=_form(body.response_format),
    )


def to_asked(body: ChatBody, default_model: str) -> tuple[AnswerQuestion, Consistency]:
    """The question behind a request, and what it demands to see."""
    question, options = to_question(body, default_model), body.ryorin
    if options is None or not options.consistency_token:
        return question, EVENTUAL
    return strict(question), Consistency(LogPosition.parse(options.consistency_token), options.wait_seconds)


def strict(question: AnswerQuestion) -> AnswerQuestion:
    """What carries a token must see that write, whatever else would do."""
    kept = replace(question.cache, freshness="strict", stale_while_revalidate_seconds=0.0)
    return replace(question, cache=kept)


def _panel(wanted: ExpertsOptions | None) -> PanelOptions | None:
    if wanted is None:
        return None
    return PanelOptions(wanted.top_k, wanted.fusion, wanted.deadline_seconds, wanted.model)


def _prompt(wanted: PromptOptions | None) -> PromptUse | None:
    if wanted is None:
        return None
    return PromptUse(wanted.name, wanted.label, wanted.version, wanted.variables)


def _tools(body: ChatBody) -> ToolUse | None:
    if not body.tools:
        if body.tool_choice not in (None, "none", "auto"):
            raise InvalidInput("tool_choice wants a tool called, but there are no tools")
        return None
    tools = tuple(
        Tool(one.function.name, one.function.description or "", one.function.parameters or {}, one.function.strict)
        for one in body.tools
    )
    choice = body.tool_choice
    wanted = choice.function.name if isinstance(choice, ChosenTool) else choice or "auto"
    return ToolUse(tools, wanted, body.parallel_tool_calls)


def _form(wanted: ResponseFormat | None) -> AnswerForm | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.json_schema is None:
        return AnswerForm()
    return AnswerForm(wanted.json_schema.schema, wanted.json_schema.name, wanted.json_schema.strict)


def split_model(model: str, default_model: str) -> tuple[str, str | None]:
    """Model and collection of "MODEL/collection/NAME", "collection/NAME" or "MODEL"."""
    if model.startswith("collection/"):
        return default_model, model.removeprefix("collection/")
    name, marker, collection = model.partition("/collection/")
    return name or default_model, collection if marker else None


def _message(message: Message) -> ChatMessage:
    if message.role == "tool" and not message.tool_call_id:
        raise InvalidInput("a message of role 'tool' needs the tool_call_id that it answers")
    content = message.content or ""
    if not isinstance(content, str):
        if any(part.type != "text" for part in content):
            raise InvalidInput("only text can be answered; leave pictures and sound out")
        content = "".join(part.text for part in content)
    role: Role = "system" if message.role == "developer" else message.role
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    return ChatMessage(role, content, calls, message.tool_call_id if role == "tool" else None)
