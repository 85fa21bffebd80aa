"""Routes of collections and their tags."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse

from ryorin.contexts.knowledge.commands import (
    ConfigureCollection,
    CreateCollection,
    DeleteCollection,
    DescribeCollection,
    MoveIndex,
)
from ryorin.contexts.knowledge.pipeline import IndexSpec, Pipeline
from ryorin.contexts.knowledge.queries import (
    DOCUMENTS_MODEL,
    FindMoreLikeThese,
    GetCollection,
    ListCollections,
    ListTags,
)
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import CallerNeeded, CollectionName, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import CollectionBody, CommandState, IndexBody, LikeBody, PipelineBody, Written
from ryorin.kernel.codec import from_json, to_json

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


@router.patch("/{collection}")
async def describe_collection(
    collection: CollectionName, body: CollectionBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Say what a collection is for."""
    command = DescribeCollection(collection=collection, description=body.description)
    return Written(**await caller.send_and_settle(command, (DOCUMENTS_MODEL,), key))


@router.put("/{collection}/pipeline")
async def configure_collection(
    collection: CollectionName, body: PipelineBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Decide the stages of searches in a collection; requests may still ask for something else."""
    pipeline = from_json(Pipeline, body.model_dump())
    return Written(**await caller.send(ConfigureCollection(collection=collection, pipeline=pipeline), key))


@router.put(
    "/{collection}/index",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
)
async def move_index(
    collection: CollectionName,
    body: IndexBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=10`: wait that many seconds for the end")] = None,
) -> JSONResponse:
    """Keep the collection's vectors elsewhere or by another embedding; searches go on meanwhile."""
    command = MoveIndex(collection=collection, spec=IndexSpec(body.store, body.embedding, body.storage))
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)


@router.post("/{collection}/more-like-these")
async def more_like_these(
    collection: CollectionName, body: LikeBody, caller: CallerNeeded, demand: DemandNeeded
) -> Any:
    """Documents near some and far from others."""
    question = FindMoreLikeThese(
        collection=collection, like=tuple(body.like), unlike=tuple(body.unlike), limit=body.limit
    )
    return {"documents": to_json(await caller.ask(question, demand))}


@router.delete("/{collection}")
async def delete_collection(collection: CollectionName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Delete a collection and all its documents."""
    return Written(**await caller.send(DeleteCollection(collection=collection), key))


@router.get("/{collection}/tags")
async def list_tags(collection: CollectionName, caller: CallerNeeded, demand: DemandNeeded, prefix: str = "") -> Any:
    """Tags that documents carry, the most used first."""
    return {"tags": to_json(await caller.ask(ListTags(collection=collection, prefix=prefix), demand))}
