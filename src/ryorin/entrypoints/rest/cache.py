"""Routes of the answer cache: what it holds and saves, and taking answers out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from fastapi.responses import JSONResponse
from pydantic import ConfigDict

from ryorin.contexts.answers.accounting import CountSelected, GetCacheReport
from ryorin.contexts.answers.commands import FlushAnswers, WarmAnswers
from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.answers.semantic import GetSemanticReport, JudgeSemanticHit
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, CommandState, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/cache", tags=["cache"])


class SelectionBody(Body):
    """Which answers; what is named must all hold. A document or tag needs its collection."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"collection": "handbook"}]})

    collection: str | None = None
    document: str | None = None
    tag: str | None = None
    model: str | None = None
    prompt: str | None = None
    everything: bool = False

    def selection(self) -> Selection:
        """As commands and queries take it."""
        return Selection(**self.model_dump())


class WarmBody(Body):
    """Which collection's questions, and how many at most."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"collection": "handbook", "limit": 50}]})

    collection: str
    limit: int = 50


class FeedbackBody(Body):
    """Whether the answer was right."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"right": False}]})

    right: bool


HitId = Annotated[str, Path(max_length=100, examples=["hit-01a1fde56945"])]


@router.get("")
async def report(caller: CallerNeeded, demand: DemandNeeded, days: int = 30) -> Any:
    """What the cache holds by collection, and how often each layer answered, with tokens and USD saved and spent."""
    return to_json(await caller.ask(GetCacheReport(days=days), demand))


@router.get("/semantic")
async def semantic(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How paraphrases fare in each collection: evidence, answers given from the cache, and what people said of them."""
    return {"scopes": to_json(await caller.ask(GetSemanticReport(), demand))}


@router.post("/semantic/{hit}/feedback")
async def feedback(hit: HitId, body: FeedbackBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Say whether an answer that was given to a paraphrase was right."""
    return Written(**await caller.send(JudgeSemanticHit(hit=hit, right=body.right), key))


@router.post("/preview")
async def preview(body: SelectionBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How many answers a flush would take out; changes nothing."""
    return {"answers": await caller.ask(CountSelected(selection=body.selection()), demand)}


@router.post("/flush")
async def flush(body: SelectionBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Take answers out of all layers for good."""
    return Written(**await caller.send(FlushAnswers(selection=body.selection()), key))


@router.post(
    "/warm",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
)
async def warm(
    body: WarmBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=10`: wait that many seconds for the end")] = None,
) -> JSONResponse:
    """Answer popular questions again whose answers became invalid, for example after many documents came."""
    command = WarmAnswers(collection=body.collection, limit=body.limit)
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)
