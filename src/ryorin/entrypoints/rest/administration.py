"""Routes of projections, API keys and the organisation."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, StreamingResponse

from ryorin.contexts.identity.commands import (
    CreateApiKey,
    CreateUser,
    GrantRole,
    RemoveUser,
    RevokeApiKey,
    RevokeRole,
    RotateApiKey,
)
from ryorin.contexts.identity.queries import GetOrganisation, ListApiKeys, ListRoles, WhoAmI
from ryorin.contexts.identity.secrets import new_key
from ryorin.contexts.operations.commands import RebuildProjection
from ryorin.contexts.operations.queries import AuditEntry, ListProjections, ReadAuditLog
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import Caller, CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import CommandState, CreatedKey, KeyBody, RoleBody, RotationBody, UserBody, Written
from ryorin.kernel.codec import to_json
from ryorin.kernel.events import BEGINNING, LogPosition

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


UserName = Annotated[str, Path(examples=["crawler"])]


@router.get("/audit", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}})
async def audit_log(
    caller: CallerNeeded,
    since: Annotated[datetime | None, Query(description="The first moment, with a time zone")] = None,
    until: Annotated[datetime | None, Query(description="The moment after the last")] = None,
    who: Annotated[str, Query(description="A principal, or how it begins: `user:alice`, `key:`")] = "",
    what: Annotated[str, Query(description="An event, or how it begins: `identity.`")] = "",
    after: Annotated[str | None, Query(description="Go on behind this position")] = None,
) -> StreamingResponse:
    """Who changed what, when, from where: the event log, a JSON object a line, oldest first."""
    question = ReadAuditLog(
        after=LogPosition.parse(after) if after else BEGINNING, since=since, until=until, who=who, what=what
    )
    # the first page before anything is sent, so that a refusal can still be told
    first = await caller.services.queries.ask(question, caller.actor)
    return StreamingResponse(_audit_lines(caller, question, first), media_type="application/x-ndjson")


async def _audit_lines(caller: Caller, question: ReadAuditLog, page: Sequence[AuditEntry]) -> AsyncIterator[bytes]:
    while page:
        for entry in page:
            yield json.dumps(to_json(entry), ensure_ascii=False).encode() + b"\n"
        if len(page) < question.limit:
            return
        question = replace(question, after=LogPosition.parse(page[-1].position))
        page = await caller.services.queries.ask(question, caller.actor)


@router.get("/me")
async def who_am_i(caller: CallerNeeded) -> Any:
    """Who the credential belongs to, and what it allows: everywhere, and in single resources."""
    return to_json(await caller.services.queries.ask(WhoAmI(), caller.actor))


@router.post("/users", status_code=201)
async def create_user(body: UserBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Add a person, or a service account that programs act as."""
    command = CreateUser(user=body.user, display_name=body.display_name or body.user, kind=body.kind)
    return Written(**await caller.send_and_settle(command, ListRoles.read_models, key))


@router.delete("/users/{user}")
async def remove_user(user: UserName, caller: CallerNeeded) -> Written:
    """End a user's rights: roles, keys and an issuer's tokens are worth nothing within a second."""
    return Written(**await caller.send_and_settle(RemoveUser(user=user), ListRoles.read_models))


Resource = Annotated[
    str,
    Query(description="`collection:NAME` or `prompt:NAME`; empty: the organisation", examples=["collection:handbook"]),
]


@router.get("/roles")
async def list_roles(caller: CallerNeeded, demand: DemandNeeded, resource: Resource | None = None) -> Any:
    """Who has which role: all of them, or those of one resource."""
    return {"roles": to_json(await caller.ask(ListRoles(resource=resource), demand))}


@router.put("/roles")
async def grant_role(body: RoleBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Give a user or a group a role in the organisation, a collection or a prompt."""
    command = GrantRole(subject=body.subject, role=body.role, resource=body.resource)
    return Written(**await caller.send_and_settle(command, ListRoles.read_models, key))


@router.delete("/roles")
async def revoke_role(
    subject: Annotated[str, Query(examples=["user:alice"])], caller: CallerNeeded, resource: Resource = ""
) -> Written:
    """Take a role away; it is gone everywhere within a second."""
    return Written(
        **await caller.send_and_settle(RevokeRole(subject=subject, resource=resource), ListRoles.read_models)
    )


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


@router.post("/keys/{prefix}/rotate", status_code=201)
async def rotate_key(prefix: str, body: RotationBody, caller: CallerNeeded) -> CreatedKey:
    """Replace a key by a new one with the same rights; the old one goes on for a while, if that is wanted."""
    key = new_key(os.urandom)
    expires = datetime.now(UTC) + timedelta(days=body.expires_in_days) if body.expires_in_days else None
    command = RotateApiKey(
        prefix=prefix,
        new_prefix=key.prefix,
        secret_hash=key.secret_hash,
        overlap_seconds=body.overlap_seconds,
        expires_at=expires,
    )
    return CreatedKey(**await caller.send_and_settle(command, ListApiKeys.read_models), prefix=key.prefix, key=key.text)


@router.delete("/keys/{prefix}")
async def revoke_key(prefix: str, caller: CallerNeeded) -> Written:
    """End an API key; every server process forgets it within a second."""
    return Written(**await caller.send_and_settle(RevokeApiKey(prefix=prefix), ListApiKeys.read_models))
