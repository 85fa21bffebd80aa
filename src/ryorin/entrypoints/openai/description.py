"""The /v1 routes in OpenAPI: their schemas come from the shapes that decode them."""

from __future__ import annotations

from typing import Any

import msgspec

from ryorin.entrypoints.openai.responses import ResponsesBody
from ryorin.entrypoints.openai.vector_store_shapes import (
    AttributesBody,
    FileBatchBody,
    StoreChangesBody,
    VectorSearchBody,
    VectorStoreBody,
    VectorStoreFileBody,
)
from ryorin.entrypoints.openai.wire import ChatBody, EmbeddingsBody, RerankTextsBody

BODIES = (
    ChatBody,
    EmbeddingsBody,
    ResponsesBody,
    RerankTextsBody,
    VectorStoreBody,
    VectorSearchBody,
    VectorStoreFileBody,
    FileBatchBody,
    StoreChangesBody,
    AttributesBody,
)
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
_SEARCH_EXAMPLE = {"query": "When does the office open?", "max_num_results": 3}
_ERROR = {
    "description": "An error in OpenAI's form",
    "content": {"application/json": {"schema": {"type": "object", "properties": {"error": {"type": "object"}}}}},
}


def add_description(api: dict[str, Any]) -> dict[str, Any]:
    """The description of the REST application with the /v1 routes in it."""
    references, components = msgspec.json.schema_components(BODIES, ref_template="#/components/schemas/{name}")
    taken = components.keys() & api["components"]["schemas"].keys()
    # a shape of one would be described as the other's
    assert not taken, taken
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
        "/graphql": {"post": _graphql()},
        **_vector_stores(references),
    }
    return api


def _graphql() -> dict[str, Any]:
    """The one operation of GraphQL; its own description is by introspection."""
    body = {
        "type": "object",
        "required": ["query"],
        "properties": {
            "query": {"type": "string"},
            "variables": {"type": "object"},
            "operationName": {"type": "string"},
        },
    }
    example = {"query": "{ prompts(first: 5) { nodes { name versions { nodes { number } } } } }"}
    described = _described("GraphQL: prompts, evaluations, documents, answers, usage", "graphql", stream=None)
    content = {"application/json": {"schema": body, "example": example}}
    return {**described, "tags": ["graphql"], "requestBody": {"required": True, "content": content}}


def _vector_stores(references: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Files and vector stores."""
    store, file = _place("store", "handbook"), _place("file", "office/hours.md")
    search = _operation("Search a vector store", "search_vector_store", references[5], _SEARCH_EXAMPLE, stream=None)
    create = _operation(
        "Create a vector store", "create_vector_store", references[4], {"name": "Handbook"}, stream=None
    )
    attach = _operation("Add a file", "create_vector_store_file", references[6], {"file_id": "file-0"}, stream=None)
    change = _operation(
        "Rename a vector store", "update_vector_store", references[8], {"name": "Handbook"}, stream=None
    )
    mark = _operation(
        "Change a file's attributes",
        "update_vector_store_file",
        references[9],
        {"attributes": {"team": "osaka"}},
        stream=None,
    )
    together = _operation(
        "Add files", "create_vector_store_file_batch", references[7], {"file_ids": ["file-0"]}, stream=None
    )
    batch = _place("batch", "vsfb_0")
    return {
        "/v1/files": {"get": _described("Files", "list_files", stream=None), "post": _upload()},
        "/v1/vector_stores": {"get": _described("Vector stores", "list_vector_stores", stream=None), "post": create},
        "/v1/vector_stores/{store}": {
            "get": {**_described("A vector store", "get_vector_store", stream=None), "parameters": [store]},
            "post": {**change, "parameters": [store]},
        },
        "/v1/vector_stores/{store}/file_batches": {"post": {**together, "parameters": [store]}},
        "/v1/vector_stores/{store}/file_batches/{batch}": {
            "get": {**_described("A batch", "get_vector_store_file_batch", stream=None), "parameters": [store, batch]}
        },
        "/v1/vector_stores/{store}/file_batches/{batch}/files": {
            "get": {
                **_described("A batch's files", "list_vector_store_file_batch_files", stream=None),
                "parameters": [store, batch],
            }
        },
        "/v1/vector_stores/{store}/file_batches/{batch}/cancel": {
            "post": {
                **_described("Cancel a batch", "cancel_vector_store_file_batch", stream=None),
                "parameters": [store, batch],
            }
        },
        "/v1/vector_stores/{store}/search": {"post": {**search, "parameters": [store]}},
        "/v1/vector_stores/{store}/files": {
            "get": {**_described("Its files", "list_vector_store_files", stream=None), "parameters": [store]},
            "post": {**attach, "parameters": [store]},
        },
        "/v1/vector_stores/{store}/files/{file}": {
            "get": {**_described("A file of it", "get_vector_store_file", stream=None), "parameters": [store, file]},
            "post": {**mark, "parameters": [store, file]},
        },
    }


def _upload() -> dict[str, Any]:
    """A form, as browsers and the official clients send it."""
    fields = {"file": {"type": "string", "format": "binary"}, "purpose": {"type": "string", "default": "user_data"}}
    schema = {"type": "object", "properties": fields, "required": ["file"]}
    body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    return {**_described("Upload a file", "create_file", stream=None), "requestBody": body}


def _place(name: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "examples": [example]}}


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
