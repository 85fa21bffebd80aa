"""Routes of searches and of query expansion."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ryorin.contexts.knowledge.expansion import ExpandQuery, RetrieveContext
from ryorin.contexts.knowledge.explanation import explain
from ryorin.contexts.knowledge.queries import SearchChunks, SearchFilter, SearchResult
from ryorin.entrypoints.rest.context import CallerNeeded, CollectionName, DemandNeeded
from ryorin.entrypoints.rest.schemas import ExpandBody, SearchBody
from ryorin.kernel.codec import to_json
from ryorin.kernel.consistency import EVENTUAL

router = APIRouter(prefix="/api/v1/collections/{collection}/search", tags=["search"])
expansion_router = APIRouter(prefix="/api/v1/expand-query", tags=["search"])


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
        rerank=body.rerank,
    )
    wanted = RetrieveContext(search=question, expand=body.expand, deadline_seconds=body.deadline_seconds)
    retrieved = await caller.ask(wanted, demand)
    expansion = {} if retrieved.expansion is None else {"expansion": to_json(retrieved.expansion)}
    return {**shown(retrieved.result, body.explain), **expansion}


@expansion_router.post("")
async def expand_query(body: ExpandBody, caller: CallerNeeded) -> Any:
    """Further wordings of a question, by the first of service, model and feedback that has any."""
    question = ExpandQuery(
        text=body.query,
        japanese_count=body.japanese_count,
        english_count=body.english_count,
        collection=body.collection,
    )
    return to_json(await caller.ask(question, EVENTUAL))


def shown(result: SearchResult, explained: bool) -> dict[str, Any]:
    """A search result as people see it; the probe is for the cache."""
    explanation = {"explanation": to_json(explain(result))} if explained else {}
    return {
        **explanation,
        "hits": to_json(result.hits),
        "plan": result.plan,
        "stages_ms": dict(result.stages),
        "degraded": list(result.degraded),
    }
