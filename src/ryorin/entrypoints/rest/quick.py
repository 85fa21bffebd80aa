"""Reads of what every process remembers: FastAPI's work around them would cost several times what they do.

A plain request is answered here; whatever is unusual about one, or wrong, is left to the route as it is declared.
"""

from __future__ import annotations

import base64
import binascii
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from cachebox import LRUCache
from fastapi import Request, Response
from fastapi.routing import APIRoute

from ryorin.contexts.prompts.versions import PromptReference
from ryorin.entrypoints.rest.context import POSITION_HEADER
from ryorin.entrypoints.services import Services
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import Query

JSON = "application/json"
REMEMBERED = 1_000
MAX_REMEMBERED_BYTES = 32 * 1024
KNOWN = {"label", "version"}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PromptRead(APIRoute, ABC):
    """A GET of a version by label or number; subclasses say with which query, and how it is told."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # the same version of a prompt with the same labels is the same text
        self._bodies: LRUCache[tuple[str, str], bytes] = LRUCache(REMEMBERED)
        super().__init__(*arguments, **options)

    @abstractmethod
    def query(self, reference: PromptReference) -> Query[Any]:
        """What is asked."""

    @abstractmethod
    def told(self, name: str, answer: Any) -> object:
        """What is answered with, as JSON takes it."""

    def get_route_handler(self) -> Handler:
        """The quick way in front of FastAPI's."""
        declared = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                reference = _plain(request)
            except InvalidInput:
                reference = None
            return await declared(request) if reference is None else await self._answer(request, reference)

        return handle

    async def _answer(self, request: Request, reference: PromptReference) -> Response:
        services: Services = request.app.state.services
        actor = await services.authenticate(credential_of(request))
        query = self.query(reference)
        answer = await services.queries.ask(query, actor)
        key = reference.name, repr(answer)
        body = self._bodies.get(key)
        if body is None:
            body = json.dumps(self.told(reference.name, answer), ensure_ascii=False, separators=(",", ":")).encode()
            if len(body) <= MAX_REMEMBERED_BYTES:
                self._bodies[key] = body
        position = await services.positions.current(query.depends_on())
        return Response(body, headers={POSITION_HEADER: str(position)}, media_type=JSON)


def credential_of(request: Request) -> str | None:
    """The bearer token, or the password of basic credentials."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _plain(request: Request) -> PromptReference | None:
    """The version that is wanted, if nothing more is said than that; raises InvalidInput."""
    asked = request.query_params
    if "x-ryorin-consistency" in request.headers or not KNOWN.issuperset(asked):
        return None
    version = asked.get("version")
    if version is not None and not (version.isascii() and version.isdigit()):
        return None
    reference = PromptReference(request.path_params["prompt"], asked.get("label"), int(version) if version else None)
    reference.validate()
    return reference
