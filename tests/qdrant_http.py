"""The part of Qdrant's REST interface that Ryorin uses, over HTTP and in memory; it can be down."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class QdrantHttp:
    """Collections of points; set `down` to let every request fail."""

    url: str = ""
    down: bool = False
    points: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    requests: int = 0

    async def handle(self, request: Request) -> Response:
        self.requests += 1
        if self.down:
            return JSONResponse({"status": {"error": "not now"}}, status_code=503)
        body = await request.json() if request.headers.get("content-length", "0") != "0" else {}
        action = f"{request.method} {request.path_params.get('action', '')}"
        return self._answer(request.path_params["name"], action, body)

    def _answer(self, name: str, action: str, body: dict[str, Any]) -> Response:
        match action:
            case "GET exists":
                return done({"exists": name in self.points})
            case "PUT ":
                self.points[name] = {}
                return done(True)
            case "DELETE ":
                return done(self.points.pop(name, None) is not None)
            case "PUT points":
                self.points[name].update(zip(body["batch"]["ids"], body["batch"]["vectors"], strict=True))
            case "POST points/delete":
                for key in body["points"]:
                    self.points[name].pop(key, None)
            case "POST points/query/batch":
                return done([{"points": self._near(name, search)} for search in body["searches"]])
            case _:
                return JSONResponse({"status": {"error": f"{action} is not known here"}}, status_code=404)
        return done({"operation_id": 1, "status": "completed"})

    def _near(self, name: str, search: dict[str, Any]) -> list[dict[str, Any]]:
        kept, wanted = self.points[name], search["query"]["nearest"]
        scores = {key: float(np.dot(vector, wanted)) for key, vector in kept.items()}
        best = sorted(scores, key=lambda key: -scores[key])[: search["limit"]]
        return [{"id": key, "version": 1, "score": scores[key]} for key in best]


def done(result: Any) -> Response:
    return JSONResponse({"result": result, "status": "ok", "time": 0.0})


@contextmanager
def qdrant_http() -> Iterator[QdrantHttp]:
    told = QdrantHttp()
    routes = [
        Route("/collections/{name}", told.handle, methods=["PUT", "DELETE"]),
        Route("/collections/{name}/{action:path}", told.handle, methods=["GET", "PUT", "POST"]),
    ]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        told.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield told
        server.should_exit = True
        thread.join()
