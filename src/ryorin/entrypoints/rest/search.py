"""The route of searches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ryorin.contexts.knowledge.queries import SearchChunks, SearchFilter, SearchResult
from ryorin.entrypoints.rest.context import CallerNeeded, CollectionName, DemandNeeded
from ryorin.entrypoints.rest.schemas import SearchBody
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/collections/{collection}/search", tags=["search"])


@router.post("")
async def search(collection: CollectionName, body: SearchBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """The chunks that answer a text best, with the scores of each stage and the time it took (ms)."""
    which = SearchFilter(tuple(body.filter.tags), body.filter.metadata, tuple(body.filter.documents))
    question = SearchChunks(
        collection=collection,
        text=body.query,
        variants=tuple(body.variants),
        top_k=body.top_k,
        mode=body.mode,
        filter=which,
    )
    return shown(await caller.ask(question, demand))


def shown(result: SearchResult) -> dict[str, Any]:
    """A search result as people see it; the probe is for the cache."""
    return {
        "hits": to_json(result.hits),
        "plan": result.plan,
        "stages_ms": dict(result.stages),
        "degraded": list(result.degraded),
    }
