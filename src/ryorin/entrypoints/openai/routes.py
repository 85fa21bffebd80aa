"""The /v1 routes, as plain Starlette routes: a cached answer should cost little more than sending it."""

from __future__ import annotations

import base64
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cachebox import LRUCache
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ryorin.contexts.answers.errors import ModelNotFound
from ryorin.contexts.answers.queries import Answer, AnswerPart, AnswerQuestion, ListModels
from ryorin.contexts.answers.tools import pieces_of
from ryorin.contexts.knowledge.queries import EmbedTexts, RerankTexts
from ryorin.entrypoints.openai import render, responses, wire
from ryorin.entrypoints.openai.vector_stores import vector_store_routes
from ryorin.entrypoints.problems import LEFT, retry_after_of, status_of
from ryorin.entrypoints.services import Services
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import InvalidInput, RyorinError
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor

logger = logging.getLogger(__name__)

JSON = "application/json"
MAX_BODY_BYTES = 8 * 1024 * 1024
# decoded requests and rendered answers kept, each by what they were made from
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Asked:
    """A decoded chat request."""

    question: AnswerQuestion
    demand: Consistency
    stream: bool
    include_usage: bool


class ChatEndpoints:
    """Handlers of the /v1 routes on one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._queries: QueryBus = services.queries
        self._decoded: LRUCache[bytes, _Asked] = LRUCache(REMEMBERED)
        self._rendered: LRUCache[str, bytes] = LRUCache(REMEMBERED)

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions"""
        actor = await self.actor_of(request)
        asked = self._decode(await _body(request), request.headers.get("x-ryorin-consistency"))
        if asked.stream:
            return await self._streamed(asked, actor)
        answer = await self._queries.ask(asked.question, actor, asked.demand)
        return Response(self._render(answer), media_type=JSON, headers=render.headers(answer))

    def _decode(self, body: bytes, token: str | None) -> _Asked:
        known = self._decoded.get(body)
        if known is None:
            known = _asked(wire.decode_chat(body), self._services.default_model)
            self._decoded[body] = known
        if token:
            demand = Consistency(LogPosition.parse(token), known.demand.wait_seconds)
            return replace(known, question=wire.strict(known.question), demand=demand)
        return known

    def _render(self, answer: Answer) -> bytes:
        """The body; of an answer from memory only the age changes, and that is in the header too.

        Unless something was added to it for who asked now.
        """
        if answer.cache != "l1" or answer.conversation is not None or answer.degraded:
            return render.encode(render.completion(answer))
        known = self._rendered.get(answer.id)
        if known is None:
            known = render.encode(render.completion(answer))
            self._rendered[answer.id] = known
        return known

    async def _streamed(self, asked: _Asked, actor: Actor) -> Response:
        parts = self._queries.stream(asked.question, actor, asked.demand)
        # the first part is waited for, so that errors before it have their own status
        first = await anext(parts, None)
        told = {"cache-control": "no-cache"}
        return StreamingResponse(_events(parts, first, asked), media_type="text/event-stream", headers=told)

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings"""
        actor = await self.actor_of(request)
        body = wire.decode_embeddings(await _body(request))
        texts = (body.input,) if isinstance(body.input, str) else tuple(body.input)
        made = await self._queries.ask(EmbedTexts(texts=texts, kind=body.input_type), actor)
        if body.dimensions not in (None, len(made.vectors[0])):
            raise InvalidInput(f"dimensions is {body.dimensions}; the model makes {len(made.vectors[0])}")
        shape: Callable[[tuple[float, ...]], Any] = list if body.encoding_format == "float" else _base64
        data = [
            {"object": "embedding", "index": number, "embedding": shape(vector)}
            for number, vector in enumerate(made.vectors)
        ]
        counted = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        answer = {"object": "list", "data": data, "model": made.model_id, "usage": counted}
        return Response(render.encode(answer), media_type=JSON)

    async def responses(self, request: Request) -> Response:
        """POST /v1/responses"""
        actor = await self.actor_of(request)
        body, chat = responses.decode(await _body(request))
        question, demand = wire.to_asked(chat, self._services.default_model)
        body.model = body.model or question.model
        if not body.stream:
            answer = await self._queries.ask(question, actor, demand)
            told = responses.response(answer, responses.new_id(), body)
            return Response(render.encode(told), media_type=JSON, headers=render.headers(answer))
        parts = self._queries.stream(question, actor, demand)
        first = await anext(parts, None)
        headers = {"cache-control": "no-cache"}
        return StreamingResponse(responses.events(parts, first, body), media_type="text/event-stream", headers=headers)

    async def rerank(self, request: Request) -> Response:
        """POST /v1/rerank"""
        actor = await self.actor_of(request)
        body = wire.decode_rerank(await _body(request))
        texts = tuple(one if isinstance(one, str) else one.text for one in body.documents)
        asked = RerankTexts(query=body.query, texts=texts, top_n=body.top_n, by=body.model or None)
        results = [
            {
                "index": judged.index,
                "relevance_score": judged.score,
                **({"document": {"text": texts[judged.index]}} if body.return_documents else {}),
            }
            for judged in await self._queries.ask(asked, actor)
        ]
        told = {"id": f"rerank-{secrets.token_hex(12)}", "model": body.model or "default", "results": results}
        return Response(render.encode(told), media_type=JSON)

    async def models(self, request: Request) -> Response:
        """GET /v1/models"""
        listed = [_model(view) for view in await self._queries.ask(ListModels(), await self.actor_of(request))]
        return Response(render.encode({"object": "list", "data": listed}), media_type=JSON)

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{model}"""
        wanted = wire.split_model(request.path_params["model"], self._services.default_model)[0]
        for view in await self._queries.ask(ListModels(), await self.actor_of(request)):
            if view.id == wanted:
                return Response(render.encode(_model(view)), media_type=JSON)
        raise ModelNotFound(f"there is no model {wanted!r}; see /v1/models")

    async def actor_of(self, request: Request) -> Actor:
        """Who asks; raises Unauthenticated."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        token = credential.strip() if scheme.lower() == "bearer" else ""
        return await self._services.authenticate(token or None)


def routes(services: Services) -> list[Route]:
    """The /v1 routes."""
    endpoints = ChatEndpoints(services)
    return [
        Route("/v1/chat/completions", _guarded(endpoints.chat), methods=["POST"]),
        Route("/v1/responses", _guarded(endpoints.responses), methods=["POST"]),
        Route("/v1/embeddings", _guarded(endpoints.embeddings), methods=["POST"]),
        Route("/v1/rerank", _guarded(endpoints.rerank), methods=["POST"]),
        Route("/v1/models", _guarded(endpoints.models), methods=["GET"]),
        Route("/v1/models/{model:path}", _guarded(endpoints.model), methods=["GET"]),
        *vector_store_routes(services, endpoints.actor_of, _guarded),
    ]


def _guarded(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except RyorinError as failure:
            status, pause = status_of(failure), retry_after_of(failure)
            headers = {"retry-after": pause} if pause is not None else None
            return Response(render.encode(render.error(status, failure)), status, headers, media_type=JSON)
        except ClientDisconnect:
            # it left while it was sending: nobody is there to be told
            return Response(status_code=LEFT)

    return guarded


async def _body(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise InvalidInput(f"the body is larger than {MAX_BODY_BYTES // 1024 // 1024} MB")
        pieces.append(piece)
    return b"".join(pieces)


def _asked(body: wire.ChatBody, default_model: str) -> _Asked:
    question, demand = wire.to_asked(body, default_model)
    usage = body.stream_options is not None and body.stream_options.include_usage
    return _Asked(question, demand, bool(body.stream), usage)


async def _events(
    parts: AsyncGenerator[AnswerPart, None], first: AnswerPart | None, asked: _Asked
) -> AsyncGenerator[bytes, None]:
    """Server-sent events of a stream; an error in its middle is told as an event, for there is no other way."""
    answer_id, created = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())

    def said(delta: dict[str, Any]) -> bytes:
        return _event(render.chunk(answer_id, created, asked.question.model, delta, None))

    yield said({"role": "assistant", "content": ""})
    answer: Answer | None = None
    called = False
    try:
        async with aclosing(parts):
            part = first
            while part is not None:
                if part.text:
                    yield said({"content": part.text})
                # those who follow another process hear of calls in the end
                pieces = part.calls or (pieces_of(part.answer.calls) if part.answer and not called else ())
                if pieces:
                    called = True
                    yield said({"tool_calls": render.called(pieces)})
                answer = part.answer or answer
                part = await anext(parts, None)
    except RyorinError as failure:
        yield _event(render.error(status_of(failure), failure))
        return
    if answer is not None:
        last = render.chunk(answer_id, created, answer.model, {}, answer.finish_reason)
        yield _event({**last, "ryorin": render.details(answer)})
        if asked.include_usage:
            yield _event({**last, "choices": [], "usage": render.usage(answer)})
    yield b"data: [DONE]\n\n"


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + render.encode(body) + b"\n\n"


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _model(view: Any) -> dict[str, Any]:
    return {"id": view.id, "object": "model", "created": 0, "owned_by": view.owned_by, "kind": view.kind}
