"""Routes about cached answers: what they were made from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from ryorin.contexts.answers.provenance import GetProvenance, ListAnswersUsing
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/answers", tags=["answers"])

AnswerId = Annotated[str, Path(max_length=200, examples=["chatcmpl-01a1fde56945"])]


@router.get("")
async def answers_using(
    caller: CallerNeeded,
    demand: DemandNeeded,
    collection: Annotated[str, Query(max_length=200, examples=["handbook"])],
    document: Annotated[str, Query(max_length=1000, examples=["office/hours.md"])],
    limit: int = 100,
) -> Any:
    """Cached answers that a document was used for, newest first, and whether they are still valid."""
    question = ListAnswersUsing(collection=collection, document=document, limit=limit)
    return {"answers": to_json(await caller.ask(question, demand))}


@router.get("/{answer}/provenance")
async def provenance(answer: AnswerId, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """What a cached answer was made from, what would change it, and why it is valid or no longer so."""
    return to_json(await caller.ask(GetProvenance(id=answer), demand))
