"""Routes of collections and their tags."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ryorin.contexts.knowledge.commands import CreateCollection, DeleteCollection
from ryorin.contexts.knowledge.queries import GetCollection, ListCollections, ListTags
from ryorin.entrypoints.rest.context import CallerNeeded, CollectionName, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import CollectionBody, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/collections", tags=["collections"])


@router.get("")
async def list_collections(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """All collections."""
    return {"collections": to_json(await caller.ask(ListCollections(), demand))}


@router.put("/{collection}")
async def create_collection(
    collection: CollectionName, caller: CallerNeeded, key: IdempotencyKey = None, body: CollectionBody | None = None
) -> Written:
    """Create a collection; again changes nothing."""
    command = CreateCollection(collection=collection, description=body.description if body else "")
    return Written(**await caller.send(command, key))


@router.get("/{collection}")
async def get_collection(collection: CollectionName, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """One collection with its sizes."""
    return to_json(await caller.ask(GetCollection(collection=collection), demand))


@router.delete("/{collection}")
async def delete_collection(collection: CollectionName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Delete a collection and all its documents."""
    return Written(**await caller.send(DeleteCollection(collection=collection), key))


@router.get("/{collection}/tags")
async def list_tags(collection: CollectionName, caller: CallerNeeded, demand: DemandNeeded, prefix: str = "") -> Any:
    """Tags that documents carry, the most used first."""
    return {"tags": to_json(await caller.ask(ListTags(collection=collection, prefix=prefix), demand))}
