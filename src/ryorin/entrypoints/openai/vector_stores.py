"""/v1/files and /v1/vector_stores: files that were uploaded, and collections under OpenAI's name for them.

A vector store is a collection, its id the collection's name; a file in it is the document of that id. So everything
that is in a collection can be searched as a vector store, and the other way round.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import msgspec
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ryorin.contexts.files.commands import ForgetFile, KeepFile
from ryorin.contexts.files.queries import FileView, GetFile, ListFiles
from ryorin.contexts.knowledge.commands import (
    CreateCollection,
    DeleteCollection,
    DeleteDocument,
    DescribeCollection,
    PutDocument,
)
from ryorin.contexts.knowledge.queries import (
    DOCUMENTS_MODEL,
    SEARCH_MODEL,
    GetCollection,
    GetDocument,
    GetDocumentText,
    ListCollections,
    ListDocuments,
    SearchChunks,
    SearchFilter,
)
from ryorin.contexts.knowledge.views import DocumentView
from ryorin.contexts.operations.commands import DiscardCommand
from ryorin.contexts.operations.queries import CommandView, GetCommand, ListTogether
from ryorin.entrypoints.openai import render
from ryorin.entrypoints.openai import vector_store_shapes as shapes
from ryorin.entrypoints.services import Services
from ryorin.kernel.bus import Receipt
from ryorin.kernel.errors import Conflict, InvalidInput, NotFound
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, Command

JSON = "application/json"
PIECE_BYTES = 1024 * 1024
MAX_BODY_BYTES = 1024 * 1024
# how long whoever adds a file waits for it to be searchable
WAIT_SECONDS = 60.0
SETTLE_SECONDS = 10.0
MAX_RESULTS = 50
MAX_ATTACHED = 500


class VectorStoreEndpoints:
    """Handlers of /v1/files and /v1/vector_stores."""

    def __init__(self, services: Services, actor_of: Callable[[Request], Awaitable[Actor]]) -> None:
        self._services = services
        self._actor_of = actor_of

    async def create_file(self, request: Request) -> Response:
        """POST /v1/files"""
        actor = await self._actor_of(request)
        try:
            form = await request.form(max_files=1, max_fields=10)
        except MultiPartException as error:
            raise InvalidInput(f"the body is not multipart/form-data: {error.message}") from error
        try:
            given = form.get("file")
            if not isinstance(given, UploadFile):
                raise InvalidInput("the form needs a field `file` with a file in it")
            stored = await self._services.upload(actor, _pieces(given))
            command = KeepFile(
                file=f"file-{uuid4().hex}",
                filename=given.filename or "file",
                content_hash=stored.content_hash,
                size_bytes=stored.size_bytes,
                purpose=str(form.get("purpose") or "user_data"),
            )
        finally:
            await form.close()
        await self._settled(command, actor, GetFile.read_models)
        return _told(shapes.file(await self._services.queries.ask(GetFile(file=command.file), actor)))

    async def list_files(self, request: Request) -> Response:
        """GET /v1/files"""
        actor, asked = await self._actor_of(request), request.query_params
        question = ListFiles(purpose=asked.get("purpose"), after=asked.get("after"), limit=_limit(request, 100))
        return _page([shapes.file(one) for one in await self._services.queries.ask(question, actor)], question.limit)

    async def get_file(self, request: Request) -> Response:
        """GET /v1/files/{file}"""
        actor = await self._actor_of(request)
        return _told(shapes.file(await self._services.queries.ask(GetFile(file=request.path_params["file"]), actor)))

    async def delete_file(self, request: Request) -> Response:
        """DELETE /v1/files/{file}"""
        actor, file = await self._actor_of(request), request.path_params["file"]
        await self._settled(ForgetFile(file=file), actor, GetFile.read_models)
        return _told({"id": file, "object": "file", "deleted": True})

    async def create_store(self, request: Request) -> Response:
        """POST /v1/vector_stores"""
        actor, body = await self._actor_of(request), await _body(request, shapes.VectorStoreBody)
        name = f"vs_{uuid4().hex}"
        if len(body.file_ids) > MAX_ATTACHED:
            raise InvalidInput(f"{len(body.file_ids)} files were given; at most {MAX_ATTACHED} are allowed")
        files = [await self._services.queries.ask(GetFile(file=file), actor) for file in body.file_ids]
        command = CreateCollection(collection=name, description=body.name or body.description or "")
        await self._settled(command, actor, (DOCUMENTS_MODEL,))
        for file in files:
            await self._attached(actor, name, file, {})
        return _told(shapes.store(await self._services.queries.ask(GetCollection(collection=name), actor)))

    async def list_stores(self, request: Request) -> Response:
        """GET /v1/vector_stores"""
        actor, limit, after = await self._actor_of(request), _limit(request, 20), request.query_params.get("after")
        views = sorted(
            await self._services.queries.ask(ListCollections(), actor),
            key=lambda view: (view.created_at, view.collection),
            reverse=request.query_params.get("order", "desc") != "asc",
        )
        names = [view.collection for view in views]
        first = names.index(after) + 1 if after in names else 0
        return _page([shapes.store(view) for view in views[first : first + limit]], limit)

    async def get_store(self, request: Request) -> Response:
        """GET /v1/vector_stores/{store}"""
        actor = await self._actor_of(request)
        question = GetCollection(collection=request.path_params["store"])
        return _told(shapes.store(await self._services.queries.ask(question, actor)))

    async def update_store(self, request: Request) -> Response:
        """POST /v1/vector_stores/{store}"""
        actor, body = await self._actor_of(request), await _body(request, shapes.StoreChangesBody)
        question = GetCollection(collection=request.path_params["store"])
        if body.name is not None:
            command = DescribeCollection(collection=question.collection, description=body.name)
            await self._settled(command, actor, (DOCUMENTS_MODEL,))
        return _told(shapes.store(await self._services.queries.ask(question, actor)))

    async def delete_store(self, request: Request) -> Response:
        """DELETE /v1/vector_stores/{store}"""
        actor, store = await self._actor_of(request), request.path_params["store"]
        await self._settled(DeleteCollection(collection=store), actor, (DOCUMENTS_MODEL, SEARCH_MODEL))
        return _told({"id": store, "object": "vector_store.deleted", "deleted": True})

    async def attach(self, request: Request) -> Response:
        """POST /v1/vector_stores/{store}/files; returns when the file can be searched, or was refused."""
        actor, store = await self._actor_of(request), request.path_params["store"]
        body = await _body(request, shapes.VectorStoreFileBody)
        await self._services.queries.ask(GetCollection(collection=store), actor)
        file = await self._services.queries.ask(GetFile(file=body.file_id), actor)
        return _told(await self._attached(actor, store, file, shapes.metadata_of(body.attributes)))

    async def update_attached(self, request: Request) -> Response:
        """POST /v1/vector_stores/{store}/files/{file}: other attributes; the text is not read again."""
        actor, body = await self._actor_of(request), await _body(request, shapes.AttributesBody)
        view = await self._found(request, actor)
        file = await self._services.queries.ask(GetFile(file=view.document), actor)
        return _told(await self._attached(actor, view.collection, file, shapes.metadata_of(body.attributes)))

    async def create_batch(self, request: Request) -> Response:
        """POST /v1/vector_stores/{store}/file_batches; returns at once, the commands are done one by one."""
        actor, store = await self._actor_of(request), request.path_params["store"]
        wanted = (await _body(request, shapes.FileBatchBody)).wanted()
        if not 1 <= len(wanted) <= MAX_ATTACHED:
            raise InvalidInput(f"{len(wanted)} files were given; 1-{MAX_ATTACHED} are allowed")
        await self._services.queries.ask(GetCollection(collection=store), actor)
        # all of them, before the first is added
        files = [await self._services.queries.ask(GetFile(file=one.file_id), actor) for one in wanted]
        name = f"vsfb_{uuid4().hex}"
        for one, file in zip(wanted, files, strict=True):
            command = _put(store, file, shapes.metadata_of(one.attributes))
            await self._services.commands.send(command, actor, correlation_id=f"{store}/{name}")
        return _told(shapes.batch(name, store, await self._together(store, name, actor)))

    async def get_batch(self, request: Request) -> Response:
        """GET /v1/vector_stores/{store}/file_batches/{batch}"""
        actor, store, name = await self._actor_of(request), *_named(request)
        commands = await self._together(store, name, actor)
        if all(command.ended for command in commands):
            # who hears that it is done may search
            for position in {command.position for command in commands if command.position is not None}:
                await self._caught_up(position, (DOCUMENTS_MODEL, SEARCH_MODEL))
        return _told(shapes.batch(name, store, commands))

    async def cancel_batch(self, request: Request) -> Response:
        """POST /v1/vector_stores/{store}/file_batches/{batch}/cancel: what was not begun is not done."""
        actor, store, name = await self._actor_of(request), *_named(request)
        for command in await self._together(store, name, actor):
            if not command.ended:
                # one that is running, or ended just now, goes on
                with suppress(Conflict):
                    await self._services.commands.send(DiscardCommand(id=UUID(command.id)), actor)
        return _told(shapes.batch(name, store, await self._together(store, name, actor)))

    async def list_batch(self, request: Request) -> Response:
        """GET /v1/vector_stores/{store}/file_batches/{batch}/files"""
        actor, store, name = await self._actor_of(request), *_named(request)
        asked, limit = request.query_params, _limit(request, 20)
        told = [shapes.batched(store, command) for command in await self._together(store, name, actor)]
        if asked.get("order", "desc") == "asc":
            told.reverse()
        ids, after = [one["id"] for one in told], asked.get("after")
        left = told[ids.index(after) + 1 :] if after in ids else told
        left = [one for one in left if asked.get("filter") in (None, one["status"])]
        return _page(left[:limit], limit, more=len(left) > limit)

    async def _together(self, store: str, name: str, actor: Actor) -> Sequence[CommandView]:
        found = await self._services.queries.ask(ListTogether(correlation_id=f"{store}/{name}"), actor)
        if not found:
            raise NotFound(f"there is no file batch {name[:60]!r} in {store[:60]!r}")
        return found

    async def _attached(self, actor: Actor, store: str, file: FileView, metadata: dict[str, str]) -> dict[str, Any]:
        receipt = await self._services.commands.send(_put(store, file, metadata), actor)
        question = GetCommand(id=receipt.record.envelope.id, wait_seconds=WAIT_SECONDS)
        view = await self._services.queries.ask(question, actor)
        await self._caught_up(receipt if view.position is None else view.position, (DOCUMENTS_MODEL, SEARCH_MODEL))
        told = shapes.attached(store, file.file, file.size_bytes, int(view.accepted_at.timestamp()), metadata)
        if not view.ended:
            return {**told, "status": "in_progress"}
        if view.state != "succeeded":
            message = str((view.error or {}).get("detail", view.state))
            return {**told, "status": "failed", "last_error": {"code": "invalid_file", "message": message}}
        return told

    async def list_attached(self, request: Request) -> Response:
        """GET /v1/vector_stores/{store}/files"""
        actor, limit = await self._actor_of(request), _limit(request, 20)
        question = ListDocuments(
            collection=request.path_params["store"], after=request.query_params.get("after"), limit=min(limit, 100)
        )
        page = await self._services.queries.ask(question, actor)
        return _page([shapes.document(view) for view in page.documents], limit, more=page.next_after is not None)

    async def get_attached(self, request: Request) -> Response:
        """GET /v1/vector_stores/{store}/files/{file}"""
        return _told(shapes.document(await self._found(request, await self._actor_of(request))))

    async def content(self, request: Request) -> Response:
        """GET /v1/vector_stores/{store}/files/{file}/content"""
        actor = await self._actor_of(request)
        view = await self._found(request, actor)
        question = GetDocumentText(collection=view.collection, document=view.document)
        text = await self._services.queries.ask(question, actor)
        data = [{"type": "text", "text": text.text}]
        return _told({"object": "vector_store.file_content.page", "data": data, "has_more": False, "next_page": None})

    async def detach(self, request: Request) -> Response:
        """DELETE /v1/vector_stores/{store}/files/{file}"""
        actor, store, file = await self._actor_of(request), request.path_params["store"], request.path_params["file"]
        command = DeleteDocument(collection=store, document=file)
        await self._settled(command, actor, (DOCUMENTS_MODEL, SEARCH_MODEL))
        return _told({"id": file, "object": "vector_store.file.deleted", "deleted": True})

    async def search(self, request: Request) -> Response:
        """POST /v1/vector_stores/{store}/search"""
        actor, body = await self._actor_of(request), await _body(request, shapes.VectorSearchBody)
        if not 1 <= body.max_num_results <= MAX_RESULTS:
            raise InvalidInput(f"max_num_results is {body.max_num_results}; it must be 1-{MAX_RESULTS}")
        asked = [body.query] if isinstance(body.query, str) else body.query
        if not asked:
            raise InvalidInput("query is empty")
        question = SearchChunks(
            collection=request.path_params["store"],
            text=asked[0],
            variants=tuple(asked[1:]),
            top_k=body.max_num_results,
            filter=SearchFilter(metadata=shapes.wanted(body.filters)),
        )
        found = await self._services.queries.ask(question, actor)
        least = body.ranking_options.score_threshold if body.ranking_options else None
        hits = [hit for hit in found.hits if least is None or hit.score >= least]
        views = {
            document: await self._services.queries.ask(
                GetDocument(collection=question.collection, document=document), actor
            )
            for document in {hit.document for hit in hits}
        }
        data = [
            {
                "file_id": hit.document,
                "filename": views[hit.document].filename,
                "score": hit.score,
                "attributes": dict(views[hit.document].metadata),
                "content": [{"type": "text", "text": hit.text}],
            }
            for hit in hits
        ]
        page = {"object": "vector_store.search_results.page", "search_query": asked, "data": data}
        return _told({**page, "has_more": False, "next_page": None})

    async def _found(self, request: Request, actor: Actor) -> DocumentView:
        question = GetDocument(collection=request.path_params["store"], document=request.path_params["file"])
        return await self._services.queries.ask(question, actor)

    async def _settled(self, command: Command, actor: Actor, read_models: tuple[str, ...]) -> None:
        """Carry out, and return when reads see it."""
        await self._caught_up(await self._services.commands.send(command, actor), read_models)

    async def _caught_up(self, done: Receipt | str, read_models: tuple[str, ...]) -> None:
        position = LogPosition.parse(done) if isinstance(done, str) else done.record.position
        if position is not None:
            await self._services.positions.wait_for(read_models, position, SETTLE_SECONDS)


def vector_store_routes(
    services: Services,
    actor_of: Callable[[Request], Awaitable[Actor]],
    guarded: Callable[[Callable[[Request], Awaitable[Response]]], Callable[[Request], Awaitable[Response]]],
) -> list[Route]:
    """The routes; `guarded` tells errors in OpenAI's form."""
    there = VectorStoreEndpoints(services, actor_of)
    store, attached = "/v1/vector_stores/{store}", "/v1/vector_stores/{store}/files/{file:path}"
    table = [
        ("POST", "/v1/files", there.create_file),
        ("GET", "/v1/files", there.list_files),
        ("GET", "/v1/files/{file}", there.get_file),
        ("DELETE", "/v1/files/{file}", there.delete_file),
        ("POST", "/v1/vector_stores", there.create_store),
        ("GET", "/v1/vector_stores", there.list_stores),
        ("GET", store, there.get_store),
        ("POST", store, there.update_store),
        ("DELETE", store, there.delete_store),
        ("POST", f"{store}/file_batches", there.create_batch),
        ("GET", f"{store}/file_batches/{{batch}}", there.get_batch),
        ("POST", f"{store}/file_batches/{{batch}}/cancel", there.cancel_batch),
        ("GET", f"{store}/file_batches/{{batch}}/files", there.list_batch),
        ("POST", f"{store}/search", there.search),
        ("POST", f"{store}/files", there.attach),
        ("GET", f"{store}/files", there.list_attached),
        ("GET", f"{attached}/content", there.content),
        ("GET", attached, there.get_attached),
        ("POST", attached, there.update_attached),
        ("DELETE", attached, there.detach),
    ]
    return [Route(path, guarded(handler), methods=[method]) for method, path, handler in table]


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["store"], request.path_params["batch"]


def _put(store: str, file: FileView, metadata: dict[str, str]) -> PutDocument:
    return PutDocument(
        collection=store,
        document=file.file,
        content_hash=file.content_hash,
        size_bytes=file.size_bytes,
        filename=file.filename,
        metadata=metadata,
    )


async def _pieces(given: UploadFile) -> AsyncIterator[bytes]:
    while piece := await given.read(PIECE_BYTES):
        yield piece


async def _body(request: Request, kind: type[Any]) -> Any:
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise InvalidInput(f"the body is larger than {MAX_BODY_BYTES // 1024 // 1024} MB")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not what this needs: {error}") from error


def _limit(request: Request, usual: int) -> int:
    told = request.query_params.get("limit", str(usual))
    if not told.isascii() or not told.isdigit() or not 1 <= int(told) <= 10_000:  # noqa: PLR2004 - as OpenAI has it
        raise InvalidInput(f"limit is {told[:20]!r}; it must be 1-10000")
    return int(told)


def _told(body: dict[str, Any]) -> Response:
    return Response(render.encode(body), media_type=JSON)


def _page(data: list[dict[str, Any]], limit: int, more: bool | None = None) -> Response:
    ids = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return _told({"object": "list", "data": data, **ids, "has_more": len(data) == limit if more is None else more})
