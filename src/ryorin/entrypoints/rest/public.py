"""Routes for whoever it is, without a credential: prompts and documents whose readers are `public`.

A visitor acts within the organisation that he names, as a reader of nothing but what is public; what is there and not
public is answered as if it were not there.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ConfigDict, Field

from ryorin.contexts.knowledge.errors import CollectionNotFound
from ryorin.contexts.knowledge.queries import GetDocument, ListDocuments, SearchChunks, SearchResult
from ryorin.contexts.knowledge.views import DocumentView, Page
from ryorin.contexts.prompts.queries import GetPrompt, RenderPrompt
from ryorin.contexts.prompts.versions import PromptReference, VersionView
from ryorin.entrypoints.rest.context import CollectionName, DocumentId, ServicesNeeded
from ryorin.entrypoints.rest.prompts import PromptName, ValuesBody, WhichLabel, WhichVersion
from ryorin.entrypoints.rest.schemas import Body
from ryorin.entrypoints.rest.search import shown
from ryorin.kernel.codec import to_json
from ryorin.kernel.messages import Actor

router = APIRouter(prefix="/api/v1/public/{organisation}", tags=["public"])

Organisation = Annotated[str, Path(max_length=200, examples=["local"])]


async def visitor(organisation: Organisation, request: Request, services: ServicesNeeded) -> Actor:
    """Somebody without a credential; raises RateLimited."""
    return await services.visitor(organisation, request.client.host if request.client else "")


Visitor = Annotated[Actor, Depends(visitor)]


class PublicSearchBody(Body):
    """What is searched for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "When does the office open?", "top_k": 3}]})

    query: str
    top_k: int = Field(default=8, ge=1, le=20)


@router.get("/prompts/{prompt}")
async def get_prompt(
    prompt: PromptName, actor: Visitor, services: ServicesNeeded, label: WhichLabel = None, version: WhichVersion = None
) -> Any:
    """What a version of a public prompt says."""
    found: VersionView = await services.queries.ask(GetPrompt(reference=PromptReference(prompt, label, version)), actor)
    said = found.version
    return {
        "name": prompt,
        "version": said.number,
        "kind": said.kind,
        "syntax": said.syntax,
        "messages": to_json(said.messages),
        "parameters": to_json(said.parameters),
        "variables": list(found.variables),
    }


@router.post("/prompts/{prompt}/render")
async def render_prompt(prompt: PromptName, body: ValuesBody, actor: Visitor, services: ServicesNeeded) -> Any:
    """What a version of a public prompt says with these values."""
    query = RenderPrompt(reference=PromptReference(prompt, body.label, body.version), variables=body.variables)
    return to_json(await services.queries.ask(query, actor))


@router.get("/collections/{collection}/documents")
async def list_documents(
    collection: CollectionName,
    actor: Visitor,
    services: ServicesNeeded,
    after: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> Any:
    """Public documents of a collection by id."""
    page: Page = await services.queries.ask(ListDocuments(collection=collection, after=after, limit=limit), actor)
    if after is None and not page.documents:
        raise _nothing(collection)
    return {"documents": [_shown(one) for one in page.documents], "next_after": page.next_after}


@router.get("/collections/{collection}/documents/{document:path}")
async def get_document(
    collection: CollectionName, document: DocumentId, actor: Visitor, services: ServicesNeeded
) -> Any:
    """A public document as it is now."""
    return _shown(await services.queries.ask(GetDocument(collection=collection, document=document), actor))


@router.post("/collections/{collection}/search")
async def search(collection: CollectionName, body: PublicSearchBody, actor: Visitor, services: ServicesNeeded) -> Any:
    """The chunks of public documents that answer a text best; no model is asked for it."""
    some: Page = await services.queries.ask(ListDocuments(collection=collection, limit=1), actor)
    if not some.documents:
        raise _nothing(collection)
    query = SearchChunks(collection=collection, text=body.query, top_k=body.top_k, rerank="features")
    found: SearchResult = await services.queries.ask(query, actor)
    return shown(found, explained=False)


def _shown(view: DocumentView) -> dict[str, Any]:
    """What is everybody's business: not who else reads it, nor what went wrong with it."""
    return {
        "id": view.document,
        "version": view.version,
        "title": view.title,
        "language": view.language,
        "metadata": dict(view.metadata),
        "tags": list(view.tags),
        "updated_at": view.updated_at.isoformat(),
    }


def _nothing(collection: str) -> CollectionNotFound:
    return CollectionNotFound(f"there is no collection {collection!r}")
