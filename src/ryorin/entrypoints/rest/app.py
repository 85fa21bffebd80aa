"""The REST application: routers, error rendering, description."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache as once
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

import ryorin
from ryorin.entrypoints.problems import SERVER_ERROR, problem, retry_after_of, status_of
from ryorin.entrypoints.rest import (
    administration,
    annotation,
    answers,
    cache,
    collections,
    commands,
    conversations,
    documents,
    evaluations,
    gateway,
    health,
    intents,
    langfuse,
    objectives,
    prompts,
    public,
    routing,
    search,
    styles,
    tasks,
    webhooks,
)
from ryorin.entrypoints.rest.schemas import Problem
from ryorin.entrypoints.services import Services
from ryorin.kernel.errors import RyorinError

logger = logging.getLogger(__name__)

_PROBLEM = {"model": Problem, "content": {"application/problem+json": {}}}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {**_PROBLEM, "description": "The request is at fault"},
    "5XX": {**_PROBLEM, "description": "The server or something it needs is at fault"},
}


def build_api(
    services: Services,
    extra_routes: Sequence[BaseRoute] = (),
    describe: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> FastAPI:
    """The application on a set of services; `extra_routes` are those of other entrypoints, added to the description
    by `describe`."""
    app = FastAPI(
        title="Ryorin",
        version=ryorin.__version__,
        summary="A committed change provably reaches index, cache and answer.",
        docs_url=None,
        redoc_url=None,
        responses=ERRORS,
    )
    app.state.services = services
    # these are asked most, and every route before them is compared
    app.include_router(prompts.quick_router)
    app.include_router(langfuse.quick_router)
    for module in (
        collections,
        documents,
        search,
        answers,
        cache,
        gateway,
        routing,
        prompts,
        langfuse,
        objectives,
        webhooks,
        evaluations,
        annotation,
        styles,
        intents,
        public,
        conversations,
        tasks,
        commands,
        administration,
        health,
    ):
        app.include_router(module.router)
    app.include_router(search.expansion_router)
    app.include_router(evaluations.datasets)
    # first, for they are asked most and every route before them is compared
    app.router.routes[:0] = extra_routes
    if describe is not None:
        plain, add = app.openapi, describe
        app.openapi = once(lambda: add(plain()))  # type: ignore[method-assign]  # how FastAPI's documentation does it
    app.add_exception_handler(RyorinError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    return app


def _respond(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    body = problem(status, code, detail, **more)
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RyorinError)
    status, pause, headers = status_of(error), retry_after_of(error), dict[str, str]()
    if pause is not None:
        headers["Retry-After"] = pause
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Bearer"
    return _respond(status, error.code, error.detail, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"where": ".".join(map(str, found["loc"])), "what": found["msg"]} for found in error.errors()]
    first = errors[0] if errors else {"where": "body", "what": "is not valid"}
    return _respond(400, "invalid_input", f"{first['where']}: {first['what']}", errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "http_error")
    return _respond(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}")


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _respond(SERVER_ERROR, "internal_error", "the server failed; its log says why")
