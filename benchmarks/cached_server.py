"""`ryorin serve` with one more route that does nothing but return the bytes it was given, to compare with."""

from __future__ import annotations

from unittest.mock import patch

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ryorin.bootstrap.cli import main
from ryorin.entrypoints.openai.routes import routes
from ryorin.entrypoints.services import Services


class Bare:
    """The bare route: PUT sets what POST returns."""

    def __init__(self) -> None:
        self._body = b""

    async def put(self, request: Request) -> Response:
        """Take the bytes."""
        self._body = await request.body()
        return Response()

    async def post(self, request: Request) -> Response:
        """Return the bytes."""
        return Response(self._body, media_type="application/json")

    def routes(self, services: Services) -> list[Route]:
        """What the server serves beside REST."""
        return [
            *routes(services),
            Route("/bare", self.post, methods=["POST"]),
            Route("/bare", self.put, methods=["PUT"]),
        ]


if __name__ == "__main__":
    with patch("ryorin.bootstrap.serve.openai_routes", Bare().routes):
        main()
