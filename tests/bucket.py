"""A service with S3's interface, as far as object storage is used."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.redis_server import free_port


class Bucket:
    """What a service with S3's interface keeps; `down` makes it fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: dict[str, datetime] = {}
        self.signed = True
        self.down = False
        self.endpoint = ""
        self.asked = 0

    async def handle(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.asked += 1
        self.signed = self.signed and "AWS4-HMAC-SHA256" in request.headers.get("authorization", "")
        if self.down:
            return Response(status_code=503)
        if request.method == "PUT":
            self.objects[name] = await request.body()
            self.written[name] = datetime.now(UTC)
            return Response(headers={"ETag": '"1"'})
        if name not in self.objects:
            return Response(status_code=404)
        headers = {"ETag": '"1"', "Last-Modified": format_datetime(self.written[name], usegmt=True)}
        return Response(self.objects[name], headers=headers)

    async def delete(self, request: Request) -> Response:
        """Several at a time, as S3 does it."""
        names = re.findall(r"<Key>(.*?)</Key>", (await request.body()).decode())
        for name in names:
            self.objects.pop(name, None)
        gone = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
        return Response(f"<DeleteResult>{gone}</DeleteResult>", media_type="application/xml")


@asynccontextmanager
async def serving_bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    """A bucket called `shelf`, and credentials for it in the environment."""
    found, port = Bucket(), free_port()
    found.endpoint = f"http://127.0.0.1:{port}"
    routes = [
        Route("/shelf", found.delete, methods=["POST"]),
        Route("/shelf/{name:path}", found.handle, methods=["PUT", "GET", "HEAD"]),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_level="critical"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "auto",
    }.items():
        monkeypatch.setenv(name, value)
    yield found
    server.should_exit = True
    await serving
