"""Bodies of the OpenAI API, decoded strictly where they matter and tolerant of everything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ryorin.contexts.answers.queries import AnswerQuestion, CacheOptions, ChatMessage, GroundingOptions, SamplingOptions
from ryorin.kernel.errors import InvalidInput

Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=1, le=32_768)]


class TextPart(Struct):
    """A part of a message; only text can be answered."""

    type: str
    text: str = ""


class Message(Struct):
    """One turn; `developer` is OpenAI's newer name for `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None


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
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: str | list[str] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    n: int | None = 1
    tools: Any | UnsetType = UNSET
    functions: Any | UnsetType = UNSET
    logprobs: bool | None = None
    response_format: dict[str, Any] | None = None
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
    _check_supported(decoded)
    return decoded


def decode_embeddings(body: bytes) -> EmbeddingsBody:
    """Decode an embeddings request; raises InvalidInput naming the field."""
    try:
        return _embeddings.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"the body is not an embeddings request (token arrays are not accepted, send text): {error}"
        raise InvalidInput(detail) from error


def _check_supported(body: ChatBody) -> None:
    """What would change the answer's meaning is refused, what would not is passed over."""
    if body.n not in (None, 1):
        raise InvalidInput(f"n is {body.n}; only one choice can be made")
    if body.tools not in (UNSET, None, []) or body.functions not in (UNSET, None, []):
        raise InvalidInput("tools are not supported yet; leave them out")
    if body.logprobs:
        raise InvalidInput("logprobs are not supported; leave them out")
    if body.response_format and body.response_format.get("type") not in (None, "text"):
        raise InvalidInput("response_format is not supported yet; only text answers can be given")


def to_question(body: ChatBody, default_model: str) -> AnswerQuestion:
    """The question behind a request; a model may name its collection as MODEL/collection/NAME."""
    options = body.ryorin or RyorinOptions()
    model, collection = split_model(body.model, default_model)
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
    )


def split_model(model: str, default_model: str) -> tuple[str, str | None]:
    """Model and collection of "MODEL/collection/NAME", "collection/NAME" or "MODEL"."""
    if model.startswith("collection/"):
        return default_model, model.removeprefix("collection/")
    name, marker, collection = model.partition("/collection/")
    return name or default_model, collection if marker else None


def _message(message: Message) -> ChatMessage:
    if message.role in ("tool", "function"):
        raise InvalidInput(f"messages of role {message.role!r} are not supported yet")
    content = message.content or ""
    if not isinstance(content, str):
        if any(part.type != "text" for part in content):
            raise InvalidInput("only text can be answered; leave pictures and sound out")
        content = "".join(part.text for part in content)
    role = "system" if message.role == "developer" else message.role
    return ChatMessage(role, content)  # type: ignore[arg-type]  # the two others were refused above
