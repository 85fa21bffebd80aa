"""Routes of projections, API keys and the organisation."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ryorin.contexts.identity.commands import CreateApiKey, RevokeApiKey
from ryorin.contexts.identity.queries import GetOrganisation, ListApiKeys
from ryorin.contexts.identity.secrets import new_key
from ryorin.contexts.operations.commands import RebuildProjection
from ryorin.contexts.operations.queries import ListProjections
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import CommandState, CreatedKey, KeyBody, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1", tags=["administration"])


@router.get("/projections")
async def list_projections(caller: CallerNeeded) -> Any:
    """Every read model: its generation, position and lag in events."""
    statuses = await caller.services.queries.ask(ListProjections(), caller.actor)
    return {"projections": [{**dict(_fields(status)), "position": str(status.position)} for status in statuses]}


def _fields(status: object) -> dict[str, Any]:
    fields = to_json(status)
    assert isinstance(fields, dict)
    return fields


@router.post("/projections/{projection}/rebuild", status_code=202, response_model=CommandState)
async def rebuild_projection(projection: str, caller: CallerNeeded, key: IdempotencyKey = None) -> JSONResponse:
    """Fill the next generation beside the one that serves, then switch."""
    command = RebuildProjection(projection=projection)
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, None)


@router.get("/organisation")
async def get_organisation(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """The organisation that the credential belongs to, and its users."""
    return to_json(await caller.ask(GetOrganisation(), demand))


@router.get("/keys")
async def list_keys(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """The organisation's API keys, without their secrets."""
    return {"keys": to_json(await caller.ask(ListApiKeys(), demand))}


@router.post("/keys", status_code=201)
async def create_key(body: KeyBody, caller: CallerNeeded) -> CreatedKey:
    """Create an API key; its text is in this answer and nowhere else."""
    key = new_key(os.urandom)
    expires = datetime.now(UTC) + timedelta(days=body.expires_in_days) if body.expires_in_days else None
    command = CreateApiKey(
        prefix=key.prefix,
        secret_hash=key.secret_hash,
        label=body.label,
        scopes=tuple(body.scopes),
        user=body.user,
        groups=tuple(body.groups),
        expires_at=expires,
    )
    # a key that is handed out must open the door
    return CreatedKey(**await caller.send_and_settle(command, ListApiKeys.read_models), prefix=key.prefix, key=key.text)


@router.delete("/keys/{prefix}")
async def revoke_key(prefix: str, caller: CallerNeeded) -> Written:
    """End an API key; every server process forgets it within a second."""
    return Written(**await caller.send_and_settle(RevokeApiKey(prefix=prefix), ListApiKeys.read_models))
