"""The /v1 routes in OpenAPI: their schemas come from the shapes that decode them."""

from __future__ import annotations

from typing import Any

import msgspec

from ryorin.entrypoints.openai.responses import ResponsesBody
from ryorin.entrypoints.openai.wire import ChatBody, EmbeddingsBody, RerankBody

_CHAT_EXAMPLE = {
    "model": "extractive/collection/handbook",
    "messages": [{"role": "user", "content": "When does the office open?"}],
}
_EMBEDDINGS_EXAMPLE = {"model": "multilingual-e5-small", "input": ["When does the office open?"]}
_RESPONSE_EXAMPLE = {"model": "extractive/collection/handbook", "input": "When does the office open?"}
_RERANK_EXAMPLE = {
    "query": "When does the office open?",
    "documents": ["Coffee is free.", "The office opens at nine."],
    "top_n": 1,
}
_ERROR = {
    "description": "An error in OpenAI's form",
    "content": {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "object"}}}}},
}


def add_description(api: dict[str, Any]) -> dict[str, Any]:
    """The description of the REST application with the /v1 routes in it."""
    references, components = msgspec.json.schema_components(
        (ChatBody, EmbeddingsBody, ResponsesBody, RerankBody), ref_template="#/components/schemas/{name}"
    )
    api["components"]["schemas"] |= components
    api["paths"] |= {
        "/v1/chat/completions": {
            "post": _operation(
                "Chat completion", "create_chat_completion", references[0], _CHAT_EXAMPLE, stream="text/event-stream"
            )
        },
        "/v1/embeddings": {
            "post": _operation("Embeddings", "create_embeddings", references[1], _EMBEDDINGS_EXAMPLE, stream=None)
        },
        "/v1/responses": {
            "post": _operation(
                "Response", "create_response", references[2], _RESPONSE_EXAMPLE, stream="text/event-stream"
            )
        },
        "/v1/rerank": {"post": _operation("Rerank", "rerank", references[3], _RERANK_EXAMPLE, stream=None)},
        "/v1/models": {"get": _described("Models", "list_models", stream=None)},
    }
    return api


def _operation(
    summary: str, name: str, schema: dict[str, Any], example: dict[str, Any], stream: str | None
) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}
    return {**_described(summary, name, stream), "requestBody": body}


def _described(summary: str, name: str, stream: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    if stream is not None:
        content[stream] = {"schema": {"type": "string"}}
    return {
        "tags": ["openai"],
        "summary": summary,
        "operationId": name,
        "responses": {"200": {"description": "As OpenAI answers", "content": content}, "4XX": _ERROR, "5XX": _ERROR},
        "security": [{"HTTPBearer": []}],
    }
