"""Routes of documents. A document's id is the rest of the path and may contain slashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse

from ryorin.contexts.answers.queries import AnswerQuestion
from ryorin.contexts.knowledge.commands import (
    DeleteDocument,
    EraseDocument,
    FetchDocument,
    PutDocument,
    PutRecords,
    RestoreDocument,
    ShareDocument,
    TagDocument,
)
from ryorin.contexts.knowledge.queries import (
    DOCUMENTS_MODEL,
    FindSimilarDocuments,
    GetDocument,
    GetDocumentText,
    ListDocuments,
    ListVersions,
    SearchFilter,
)
from ryorin.contexts.knowledge.records import MAX_RECORDS_BYTES, read_records
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import CallerNeeded, CollectionName, DemandNeeded, DocumentId, IdempotencyKey
from ryorin.entrypoints.rest.schemas import CommandState, FetchBody, ReadersBody, RestoreBody, TagsBody, Written
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import InvalidInput

router = APIRouter(prefix="/api/v1/collections/{collection}", tags=["documents"])

Tags = Annotated[list[str], Query(alias="tag", description="Repeat for several")]
Metadata = Annotated[list[str], Query(alias="meta", description="name=value; repeat for several")]
Prefer = Annotated[str | None, Header(description="`wait=10`: wait that many seconds for the end")]
_RECORDS = {
    "requestBody": {
        "required": True,
        "description": "One JSON object a line: `id`, `text`, and where wanted `media_type` (text/plain, which is the "
        "default, or text/markdown), `title`, `metadata`, `tags`, `readers`; what is left out stays as it is",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"id": "ticket-1", "text": "The printer on floor 2 is out of toner."}\n'
                '{"id": "ticket-2", "text": "会議室の予約ができません。", "tags": ["rooms"]}\n',
            }
        },
    }
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: Markdown, HTML, text, PDF, DOCX, PPTX, XLSX, CSV, JSON, JSONL or EPUB",
        "content": {
            "text/markdown": {
                "schema": {"type": "string"},
                "example": "# Office\n\nThe office opens at nine.",
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def _pairs(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for name, equals, _ in split:
        if not equals:
            raise InvalidInput(f"meta {name[:60]!r} must be name=value")
    return {name: value for name, _, value in split}


@router.get("/documents")
async def list_documents(
    collection: CollectionName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    tag: Tags = [],  # noqa: B006 - FastAPI copies defaults
    meta: Metadata = [],  # noqa: B006
    after: str | None = None,
    limit: int = 100,
) -> Any:
    """Documents in order of their ids; `next_after` of one page is `after` of the next."""
    which = SearchFilter(tags=tuple(tag), metadata=_pairs(meta))
    page = await caller.ask(ListDocuments(collection=collection, filter=which, after=after, limit=limit), demand)
    return to_json(page)


@router.post(
    "/documents",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
    openapi_extra=_RECORDS,
)
async def put_records(
    collection: CollectionName,
    request: Request,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JSONResponse:
    """Make many short texts the contents of as many documents: one command, carried out wholly or not at all.

    At most 1,000 records and 16 MB at once; a batch with a wrong line is refused whole, with the lines named.
    """
    content = await _bounded(request.stream(), MAX_RECORDS_BYTES)
    records = await asyncio.to_thread(read_records, content)
    stored = await caller.services.upload(caller.actor, _whole(content))
    command = PutRecords(collection=collection, content_hash=stored.content_hash, records=len(records))
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)


async def _bounded(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    whole = bytearray()
    async for piece in pieces:
        whole += piece
        # one byte more is kept: whoever reads the records tells their size
        if len(whole) > limit:
            break
    return bytes(whole)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


@router.put(
    "/documents/{document:path}",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
    openapi_extra=_BODY,
)
async def put_document(
    collection: CollectionName,
    document: DocumentId,
    request: Request,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
    prefer: Prefer = None,
    filename: Annotated[str | None, Query(max_length=500, description="Tells the format; default: the id")] = None,
    title: Annotated[str | None, Query(max_length=500)] = None,
    tag: Annotated[list[str] | None, Query(description="Sets the tags; repeat for several")] = None,
    meta: Annotated[list[str] | None, Query(description="Sets metadata, name=value; repeat for several")] = None,
    reader: Annotated[
        list[str] | None, Query(description="Sets who may read it: user:NAME, group:NAME or *; repeat for several")
    ] = None,
) -> JSONResponse:
    """Make the body the document's content: an idempotent upsert, carried out by a worker."""

    async def body() -> AsyncIterator[bytes]:
        async for piece in request.stream():
            yield piece

    content = await caller.services.upload(caller.actor, body())
    command = PutDocument(
        collection=collection,
        document=document,
        content_hash=content.content_hash,
        size_bytes=content.size_bytes,
        filename=filename or document,
        media_type=request.headers.get("content-type"),
        title=title,
        tags=tuple(tag) if tag is not None else None,
        metadata=_pairs(meta) if meta is not None else None,
        readers=tuple(reader) if reader is not None else None,
    )
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)


@router.get("/documents/{document:path}")
async def get_document(
    collection: CollectionName, document: DocumentId, caller: CallerNeeded, demand: DemandNeeded
) -> Any:
    """A document as it is served."""
    return to_json(await caller.ask(GetDocument(collection=collection, document=document), demand))


@router.delete("/documents/{document:path}")
async def delete_document(
    collection: CollectionName, document: DocumentId, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Take a document out of index and answers; its versions stay restorable."""
    return Written(**await caller.send(DeleteDocument(collection=collection, document=document), key))


@router.post(
    "/fetch/{document:path}",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
)
async def fetch_document(
    collection: CollectionName,
    document: DocumentId,
    body: FetchBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JSONResponse:
    """Make what is at a URL the document's content: fetched by a worker, from the public internet only."""
    command = FetchDocument(
        collection=collection,
        document=document,
        url=body.url,
        title=body.title,
        metadata=body.metadata,
        tags=tuple(body.tags) if body.tags is not None else None,
        readers=tuple(body.readers) if body.readers is not None else None,
    )
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)


@router.post("/erase/{document:path}")
async def erase_document(
    collection: CollectionName, document: DocumentId, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Make all that a document ever held be gone, from log, index, caches and stored contents; for administrators.

    What is answered from now on is without it. Its stored contents are dropped as soon as no command can be about to
    use them (`RYORIN_ERASURE__IDLE_SECONDS`); `ryorin scrub` then takes the last bytes out of the database's files.
    """
    command = EraseDocument(collection=collection, document=document)
    return Written(**await caller.send_and_settle(command, (*AnswerQuestion.read_models, DOCUMENTS_MODEL), key))


@router.get("/versions/{document:path}")
async def list_versions(
    collection: CollectionName, document: DocumentId, caller: CallerNeeded, demand: DemandNeeded
) -> Any:
    """The versions of a document, newest first."""
    question = ListVersions(collection=collection, document=document)
    return {"versions": to_json(await caller.ask(question, demand))}


@router.post("/restore/{document:path}")
async def restore_document(
    collection: CollectionName,
    document: DocumentId,
    body: RestoreBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
) -> Written:
    """Make an older version current again."""
    command = RestoreDocument(collection=collection, document=document, version=body.version)
    return Written(**await caller.send(command, key))


@router.post("/tags/{document:path}")
async def tag_document(
    collection: CollectionName, document: DocumentId, body: TagsBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Add and remove tags."""
    command = TagDocument(collection=collection, document=document, add=tuple(body.add), remove=tuple(body.remove))
    return Written(**await caller.send(command, key))


@router.put("/readers/{document:path}")
async def share_document(
    collection: CollectionName,
    document: DocumentId,
    body: ReadersBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
) -> Written:
    """Decide who may read a document and be answered from it; nobody but administrators when there are no readers."""
    command = ShareDocument(collection=collection, document=document, readers=tuple(body.readers))
    # who is told that a document is private must be able to rely on it, whatever freshness others ask for
    return Written(**await caller.send_and_settle(command, (*AnswerQuestion.read_models, DOCUMENTS_MODEL), key))


@router.get("/text/{document:path}")
async def get_document_text(
    collection: CollectionName,
    document: DocumentId,
    caller: CallerNeeded,
    demand: DemandNeeded,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Any:
    """The text that a version's offsets refer to."""
    question = GetDocumentText(collection=collection, document=document, version=version)
    return to_json(await caller.ask(question, demand))


@router.get("/similar/{document:path}")
async def similar_documents(
    collection: CollectionName, document: DocumentId, caller: CallerNeeded, demand: DemandNeeded, limit: int = 5
) -> Any:
    """Documents that are nearest to one."""
    question = FindSimilarDocuments(collection=collection, document=document, limit=limit)
    return {"documents": to_json(await caller.ask(question, demand))}
