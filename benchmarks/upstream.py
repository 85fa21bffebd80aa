"""An OpenAI-compatible server that needs no model: it says fixed words at a fixed pace, and counts how often.

`python -m benchmarks.upstream PORT PIECES SECONDS`; what it says depends on the conversation only. GET /calls tells
how many completions it was asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import Any

import httpx

START_SECONDS = 30.0
MODEL = "mock"
# a model of this name and milliseconds waits so long before it answers
WAITS = "wait-"
# how long further wordings of a question take
EXPANSION_SECONDS = 0.2


def words(messages: list[dict[str, Any]], pieces: int) -> list[str]:
    """What is said in a conversation."""
    mark = hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:8]
    return [f"{mark}-{number} " for number in range(pieces)]


class Upstream:
    """The ASGI application."""

    def __init__(self, pieces: int, seconds: float) -> None:
        self._pieces = pieces
        self._seconds = seconds
        self._calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/calls":
            await _respond(send, {"calls": self._calls})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        if scope["path"].endswith("/expand-query"):
            await asyncio.sleep(EXPANSION_SECONDS)
            await _respond(send, {"variants": [f"What about {asked['query']}"]})
        else:
            await self._complete(asked, send)

    async def _complete(self, asked: dict[str, Any], send: Any) -> None:
        self._calls += 1
        if asked["model"].startswith(WAITS):
            # this long, whatever the pace of the others
            await asyncio.sleep(float(asked["model"].removeprefix(WAITS)) / 1000)
        said = words(asked["messages"], self._pieces)
        if not asked.get("stream"):
            await asyncio.sleep(self._seconds * self._pieces)
            await _respond(send, _completion("".join(said), len(said)))
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for word in said:
            await asyncio.sleep(self._seconds)
            await send({"type": "http.response.body", "body": _event({"content": word}, None), "more_body": True})
        usage = {"prompt_tokens": 8, "completion_tokens": len(said), "total_tokens": 8 + len(said)}
        end = _event({}, "stop") + b"data: " + json.dumps({"choices": [], "usage": usage, **_HEAD}).encode() + b"\n\n"
        await send({"type": "http.response.body", "body": end + b"data: [DONE]\n\n"})


_HEAD: dict[str, Any] = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 0, "model": MODEL}


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**_HEAD, "choices": [choice]}).encode() + b"\n\n"


def _completion(text: str, tokens: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 8, "completion_tokens": tokens, "total_tokens": 8 + tokens}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {**_HEAD, "object": "chat.completion", "choices": choices, "usage": usage}


async def _respond(send: Any, body: dict[str, Any]) -> None:
    data = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": data})


class UpstreamProcess:
    """The upstream in a process of its own; `seconds` lie between its pieces."""

    def __init__(self, pieces: int = 8, seconds: float = 0.0) -> None:
        self._pieces = pieces
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    def __enter__(self) -> UpstreamProcess:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = [sys.executable, "-m", "benchmarks.upstream", str(port), str(self._pieces), str(self._seconds)]
        self._process = subprocess.Popen(arguments)
        self.base_url = f"http://127.0.0.1:{port}/v1"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.calls()
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError("the upstream did not come up")

    def calls(self) -> int:
        """How many completions it was asked for."""
        return int(httpx.get(self.base_url.removesuffix("/v1") + "/calls", timeout=5).json()["calls"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            # it has nothing to tidy up, and would wait for answers that nobody wants any more
            self._process.kill()
            self._process.wait()


def main() -> None:
    """Serve until ended."""
    import uvicorn  # noqa: PLC0415 - who only starts it in a process of its own needs none

    port, pieces, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    uvicorn.run(Upstream(pieces, seconds), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
