"""Routes of commands: how they are, how they go on, and what to do with those that failed."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, StreamingResponse

from ryorin.contexts.operations.commands import DiscardCommand, RetryCommand
from ryorin.contexts.operations.queries import CommandView, GetCommand, ListCommands
from ryorin.entrypoints.rest.context import (
    MAX_WAIT_SECONDS,
    POSITION_HEADER,
    Caller,
    CallerNeeded,
    IdempotencyKey,
)
from ryorin.entrypoints.rest.schemas import CommandState as Schema
from ryorin.entrypoints.rest.schemas import RetryBody, Written
from ryorin.kernel.codec import to_json
from ryorin.kernel.commands import CommandState

router = APIRouter(prefix="/api/v1/commands", tags=["commands"])

_WAIT = re.compile(r"\bwait=(\d{1,3})\b")
STREAM_STEP_SECONDS = 1.0


async def command_response(caller: Caller, command_id: UUID, prefer: str | None) -> JSONResponse:
    """202 with the place to look, or 200 once the command ended within `Prefer: wait=N` (RFC 7240)."""
    found = _WAIT.search(prefer or "")
    wait = min(float(found.group(1)), MAX_WAIT_SECONDS) if found else 0.0
    view: CommandView = await caller.services.queries.ask(GetCommand(id=command_id, wait_seconds=wait), caller.actor)
    headers = {"Location": f"/api/v1/commands/{view.id}"}
    if found:
        headers["Preference-Applied"] = f"wait={found.group(1)}"
    if view.position:
        headers[POSITION_HEADER] = view.position
    return JSONResponse(to_json(view), status_code=200 if view.ended else 202, headers=headers)


@router.get("")
async def list_commands(
    caller: CallerNeeded,
    state: CommandState | None = None,
    name: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Any:
    """Commands, newest first; `before` is the last sequence of the page before."""
    question = ListCommands(state=state, command_name=name, before=before, limit=limit)
    return {"commands": to_json(await caller.services.queries.ask(question, caller.actor))}


@router.get("/{command}", response_model=Schema)
async def get_command(
    command: UUID,
    caller: CallerNeeded,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for the end")] = 0.0,
) -> Any:
    """One command; `position` is the consistency token of what it did."""
    question = GetCommand(id=command, wait_seconds=wait)
    return to_json(await caller.services.queries.ask(question, caller.actor))


@router.get("/{command}/events", response_class=StreamingResponse)
async def follow_command(command: UUID, caller: CallerNeeded) -> StreamingResponse:
    """Server-sent events: the command each time it changed, until it ended."""
    first = await caller.services.queries.ask(GetCommand(id=command), caller.actor)
    return StreamingResponse(_changes(command, first, caller), media_type="text/event-stream")


async def _changes(command: UUID, view: CommandView, caller: Caller) -> AsyncIterator[str]:
    told = None
    while True:
        shown = json.dumps(to_json(view), ensure_ascii=False)
        if shown != told:
            yield f"event: {view.state}\ndata: {shown}\n\n"
            told = shown
        if view.ended:
            return
        question = GetCommand(id=command, wait_seconds=STREAM_STEP_SECONDS)
        view = await caller.services.queries.ask(question, caller.actor)


@router.post("/{command}/retry")
async def retry_command(
    command: UUID, caller: CallerNeeded, body: RetryBody | None = None, key: IdempotencyKey = None
) -> Written:
    """Give a failed, dead or cancelled command its attempts back; with `payload`, fields of it have other values."""
    changes = body.payload if body else None
    return Written(**await caller.send(RetryCommand(id=command, changes=changes), key))


@router.post("/{command}/discard")
async def discard_command(command: UUID, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Cancel a command that is not running."""
    return Written(**await caller.send(DiscardCommand(id=command), key))
