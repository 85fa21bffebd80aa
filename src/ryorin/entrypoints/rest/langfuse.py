"""Prompts as Langfuse serves them (`/api/public/v2/prompts`), so that its SDKs read them unchanged."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from ryorin.contexts.prompts.queries import ListPrompts, PromptView, ResolvedPrompt, ResolvePrompt
from ryorin.contexts.prompts.versions import PromptParameters, PromptReference
from ryorin.entrypoints.rest.context import Caller, DemandNeeded, ServicesNeeded
from ryorin.entrypoints.rest.prompts import PromptName, WhichLabel, WhichVersion
from ryorin.entrypoints.rest.quick import PromptRead
from ryorin.kernel.codec import to_json
from ryorin.kernel.messages import Query as Question


class _Read(PromptRead):
    def query(self, reference: PromptReference) -> Question[Any]:
        return ResolvePrompt(reference=reference)

    def told(self, name: str, answer: Any) -> object:
        return _whole(name, answer)


router = APIRouter(prefix="/api/public/v2/prompts", tags=["langfuse"])
quick_router = APIRouter(prefix="/api/public/v2/prompts", tags=["langfuse"], route_class=_Read)
MAX_PAGE = 100
_basic = HTTPBasic(auto_error=False, description="Langfuse's way: any public key, and an API key as the secret one")
_bearer = HTTPBearer(auto_error=False)


async def caller_of(
    services: ServicesNeeded,
    response: Response,
    keys: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """The buses on behalf of the secret key; raises Unauthenticated."""
    credential = bearer.credentials if bearer else keys.password if keys else None
    return Caller(services, await services.authenticate(credential), response)


LangfuseCaller = Annotated[Caller, Depends(caller_of)]


@router.get("")
async def list_prompts(
    caller: LangfuseCaller,
    demand: DemandNeeded,
    name: Annotated[str | None, Query(max_length=200)] = None,
    label: WhichLabel = None,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    from_updated: Annotated[datetime | None, Query(alias="fromUpdatedAt")] = None,
    to_updated: Annotated[datetime | None, Query(alias="toUpdatedAt")] = None,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Any:
    """Prompts by name, a page of them."""
    views: tuple[PromptView, ...] = await caller.ask(ListPrompts(label=label, tag=tag), demand)
    found = [view for view in views if name in (None, view.name) and _between(view, from_updated, to_updated)]
    meta = {
        "page": page,
        "limit": limit,
        "totalItems": len(found),
        "totalPages": math.ceil(len(found) / limit),
    }
    return {"data": [_listed(view) for view in found[(page - 1) * limit : page * limit]], "meta": meta}


@quick_router.get("/{prompt}")
async def get_prompt(
    prompt: PromptName,
    caller: LangfuseCaller,
    demand: DemandNeeded,
    label: WhichLabel = None,
    version: WhichVersion = None,
) -> Any:
    """A version, with the prompts that it takes in in their places; without label and version: `production`."""
    reference = PromptReference(prompt, label, version)
    return _whole(prompt, await caller.ask(ResolvePrompt(reference=reference), demand))


def _between(view: PromptView, first: datetime | None, last: datetime | None) -> bool:
    """Whether it was changed then; times without a zone are UTC."""
    at = view.updated_at
    return (first is None or _zoned(first) <= at) and (last is None or at < _zoned(last))


def _zoned(given: datetime) -> datetime:
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _listed(view: PromptView) -> dict[str, Any]:
    return {
        "name": view.name,
        "type": view.kind,
        "versions": list(view.versions),
        "labels": sorted(view.labels),
        "tags": list(view.about.tags),
        "lastUpdatedAt": view.updated_at.isoformat(),
        "lastConfig": _config(view.parameters),
    }


def _whole(name: str, resolved: ResolvedPrompt) -> dict[str, Any]:
    version = resolved.view.version
    messages = [{"type": "chatmessage", "role": one.role, "content": one.content} for one in version.messages]
    return {
        "id": f"{name}@{version.number}",
        "name": name,
        "version": version.number,
        "type": version.kind,
        "prompt": version.messages[0].content if version.kind == "text" else messages,
        "config": {**_config(version.parameters), "syntax": version.syntax},
        "labels": list(resolved.view.labels),
        "tags": list(resolved.about.tags),
        "commitMessage": version.note or None,
        "createdBy": version.author,
        "createdAt": resolved.view.created_at.isoformat(),
        "updatedAt": resolved.view.created_at.isoformat(),
    }


def _config(parameters: PromptParameters) -> dict[str, Any]:
    """What Langfuse's users put into `config` by hand."""
    given = to_json(parameters)
    assert isinstance(given, dict)
    return {name: value for name, value in given.items() if value not in (None, [])}
