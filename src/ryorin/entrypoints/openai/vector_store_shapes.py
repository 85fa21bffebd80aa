"""Bodies of /v1/files and /v1/vector_stores, and what is told in OpenAI's shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from ryorin.contexts.files.queries import FileView
from ryorin.contexts.knowledge.views import CollectionView, DocumentView
from ryorin.contexts.operations.queries import CommandView
from ryorin.kernel.errors import InvalidInput


class VectorStoreBody(msgspec.Struct):
    """A new vector store."""

    name: str = ""
    description: str | None = None
    file_ids: list[str] = []


class VectorStoreFileBody(msgspec.Struct):
    """A file that becomes a document of the store."""

    file_id: str
    attributes: dict[str, str | float | bool] | None = None


class FileBatchBody(msgspec.Struct):
    """Files that become documents of the store together."""

    file_ids: list[str] = []
    files: list[VectorStoreFileBody] = []
    attributes: dict[str, str | float | bool] | None = None

    def wanted(self) -> list[VectorStoreFileBody]:
        """Each file with its attributes."""
        return self.files or [VectorStoreFileBody(one, self.attributes) for one in self.file_ids]


class StoreChangesBody(msgspec.Struct):
    """What is to be another one about a store."""

    name: str | None = None


class AttributesBody(msgspec.Struct):
    """A file's attributes, instead of those that it has."""

    attributes: dict[str, str | float | bool] | None = None


class AttributeFilter(msgspec.Struct):
    """A comparison, or several that must all hold."""

    type: str
    key: str = ""
    value: str | float | bool = ""
    filters: list[AttributeFilter] = []


class RankingOptions(msgspec.Struct):
    """Which results are good enough."""

    score_threshold: float | None = None
    ranker: str | None = None


class VectorSearchBody(msgspec.Struct):
    """A search in a vector store."""

    query: str | list[str]
    max_num_results: int = 10
    filters: AttributeFilter | None = None
    ranking_options: RankingOptions | None = None


def metadata_of(attributes: dict[str, str | float | bool] | None) -> dict[str, str]:
    """Attributes as metadata, whose values are texts."""
    return {key: _spelled(value) for key, value in (attributes or {}).items()}


def _spelled(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"


def wanted(filters: AttributeFilter | None) -> dict[str, str]:
    """Metadata that must be there; other comparisons are not known here."""
    if filters is None:
        return {}
    if filters.type == "eq":
        return {filters.key: _spelled(filters.value)}
    if filters.type == "and":
        return {key: value for one in filters.filters for key, value in wanted(one).items()}
    raise InvalidInput(f"filters of type {filters.type[:20]!r} are not supported; eq and and are")


def file(view: FileView) -> dict[str, Any]:
    """A file."""
    return {
        "id": view.file,
        "object": "file",
        "bytes": view.size_bytes,
        "created_at": int(view.created_at.timestamp()),
        "filename": view.filename,
        "purpose": view.purpose,
        "status": "processed",
    }


def store(view: CollectionView) -> dict[str, Any]:
    """A collection as a vector store."""
    counts = {"in_progress": 0, "completed": view.documents, "failed": 0, "cancelled": 0, "total": view.documents}
    created = int(view.created_at.timestamp())
    return {
        "id": view.collection,
        "object": "vector_store",
        "created_at": created,
        "last_active_at": created,
        "name": view.description or view.collection,
        "status": "completed",
        "usage_bytes": 0,
        "file_counts": counts,
        "metadata": {},
    }


def attached(store: str, file: str, size: int, created: int, attributes: dict[str, str]) -> dict[str, Any]:
    """A file of a vector store that can be searched."""
    return {
        "id": file,
        "object": "vector_store.file",
        "created_at": created,
        "vector_store_id": store,
        "status": "completed",
        "last_error": None,
        "usage_bytes": size,
        "attributes": attributes,
    }


def batch(name: str, store: str, commands: Sequence[CommandView]) -> dict[str, Any]:
    """Files that were added together, as far as they are."""
    states = Counter(status_of(command) for command in commands)
    counts = {state: states[state] for state in ("in_progress", "completed", "failed", "cancelled")}
    status = "in_progress" if counts["in_progress"] else "cancelled" if counts["cancelled"] else "completed"
    return {
        "id": name,
        "object": "vector_store.file_batch",
        "created_at": min(int(command.accepted_at.timestamp()) for command in commands),
        "vector_store_id": store,
        "status": status,
        "file_counts": {**counts, "total": len(commands)},
    }


def batched(store: str, command: CommandView) -> dict[str, Any]:
    """A file of a batch."""
    payload, status = command.payload, status_of(command)
    size, metadata = int(str(payload["size_bytes"])), payload.get("metadata")
    named = {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}
    told = attached(store, str(payload["document"]), size, int(command.accepted_at.timestamp()), named)
    if status != "failed":
        return {**told, "status": status}
    message = str((command.error or {}).get("detail", command.state))
    return {**told, "status": status, "last_error": {"code": "invalid_file", "message": message}}


def status_of(command: CommandView) -> str:
    """A command in OpenAI's words."""
    if not command.ended:
        return "in_progress"
    return {"succeeded": "completed", "cancelled": "cancelled"}.get(command.state, "failed")


def document(view: DocumentView) -> dict[str, Any]:
    """A document as a file of a vector store."""
    created = int(view.updated_at.timestamp())
    told = attached(view.collection, view.document, view.size_bytes, created, dict(view.metadata))
    if view.version is not None:
        return told
    # nothing of it was ever readable
    refused = {"code": "invalid_file", "message": view.last_failure or "the file was refused"}
    return {**told, "status": "failed", "last_error": refused}
