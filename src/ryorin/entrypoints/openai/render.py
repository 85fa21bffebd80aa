"""Answers in OpenAI's shapes, with a `ryorin` object beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ryorin.contexts.answers.queries import Answer
from ryorin.contexts.answers.tools import ToolCallPiece
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import RyorinError

_encoder = msgspec.json.Encoder()


def encode(body: object) -> bytes:
    """JSON bytes."""
    return _encoder.encode(body)


def headers(answer: Answer) -> dict[str, str]:
    """What is told in headers: the cache layer, the position, and the age in seconds (RFC 9111)."""
    told = {"x-ryorin-cache": answer.cache, "x-ryorin-position": answer.position}
    if answer.cache not in ("miss", "bypass"):
        told["age"] = str(int(answer.age_seconds))
    return told


def completion(answer: Answer) -> dict[str, Any]:
    """A whole chat completion."""
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [
            {
                "index": 0,
                "message": message(answer),
                "finish_reason": answer.finish_reason,
                "logprobs": None,
            }
        ],
        "usage": usage(answer),
        "ryorin": details(answer),
    }


def message(answer: Answer) -> dict[str, Any]:
    """The assistant's turn."""
    said: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.calls:
        said["content"] = answer.text or None
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    return said


def called(pieces: Sequence[ToolCallPiece]) -> list[dict[str, Any]]:
    """Pieces of tool calls in a stream."""
    return [
        {
            "index": piece.index,
            **({"id": piece.id, "type": "function"} if piece.id else {}),
            "function": {**({"name": piece.name} if piece.name else {}), "arguments": piece.arguments},
        }
        for piece in pieces
    ]


def usage(answer: Answer) -> dict[str, Any]:
    """Tokens of the model call that made the answer."""
    counted = answer.usage
    return {
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.prompt_tokens + counted.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": counted.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
    }


def details(answer: Answer) -> dict[str, Any]:
    """Where the answer comes from, how it was made and how fresh it is."""
    return {
        "citations": to_json(answer.citations),
        "cache": answer.cache,
        "age_seconds": answer.age_seconds,
        "position": answer.position,
        "stages_ms": dict(answer.stages),
        "extracted": answer.extracted,
        "grounded": answer.grounded,
        "degraded": list(answer.degraded),
        "served_by": answer.served_by or None,
        # what this answer cost; one from the cache costs nothing
        "usd": answer.usd if answer.cache in ("miss", "bypass") else 0.0,
        **({"prompt": to_json(answer.prompt)} if answer.prompt else {}),
        **({"conversation": to_json(answer.conversation)} if answer.conversation else {}),
        **({"experts": to_json(answer.panel)} if answer.panel else {}),
        **({"semantic": to_json(answer.semantic)} if answer.semantic else {}),
    }


def chunk(answer_id: str, created: int, model: str, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    """One chunk of a streamed completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {
        "id": answer_id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [choice],
    }


def error(status: int, failure: RyorinError) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    kinds = {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
    }
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")  # noqa: PLR2004
    return {"error": {"message": failure.detail, "type": kind, "param": None, "code": failure.code}}
