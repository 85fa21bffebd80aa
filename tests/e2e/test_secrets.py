"""After a full run no secret is in what the server wrote: log, responses, traces, figures, and its data folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from benchmarks.server import ServerProcess
from tests.collector import collecting
from tests.upstream import event, fails, says, serving

PROVIDER, LANGFUSE, PASSWORD = "sk-live-4f1c9a7be2d84c03", "sk-lf-91d2e0c4b7aa4f15", "hunter2-5c3e77d0"
SECRETS = (PROVIDER, LANGFUSE, PASSWORD)


def files_with(folder: Path, secret: bytes) -> list[str]:
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and secret in path.read_bytes()
    ]


def test_no_secret_is_in_anything_that_was_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    data, log = tmp_path / "data", tmp_path / "log"
    data.mkdir()
    told: list[str] = []
    with collecting() as collector, serving() as upstream, log.open("wb") as written:
        server = ServerProcess(
            data,
            RYORIN_SECRET_MOCK=PROVIDER,
            RYORIN_LOG_LEVEL="debug",
            RYORIN_LANGFUSE__HOST=collector.url,
            RYORIN_LANGFUSE__PUBLIC_KEY="pk-lf-1",
            RYORIN_LANGFUSE__SECRET_KEY=LANGFUSE,
            RYORIN_REDIS__URL=f"redis://:{PASSWORD}@127.0.0.1:1/0",
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        server.stderr = written
        with server, httpx.Client(base_url=server.base_url, timeout=60) as client:

            def send(method: str, path: str, body: Any = None, **headers: str) -> None:
                response = client.request(method, path, json=body, headers=headers)
                told.append(response.text)
                told.extend(response.headers.values())

            provider = {"base_url": upstream.base_url, "secret": "env:RYORIN_SECRET_MOCK"}
            send("PUT", "/api/v1/providers/mock", provider)
            send("PUT", "/api/v1/providers/mock/models/talker", {"model": "m"})
            made = client.post("/api/v1/keys", json={"label": "x", "scopes": ["admin"]}).json()
            client.headers["authorization"] = f"Bearer {made['key']}"
            ask = {"model": "talker", "messages": [{"role": "user", "content": "Hello?"}]}
            upstream.replies = [
                # as providers do it
                fails(401, f"Incorrect API key provided: {PROVIDER}. Find yours in your account."),
                fails(400, f"bad request with {PROVIDER}"),
                says(event("Yes."), event("", "stop"), event(usage=(1, 1)), "data: [DONE]\n\n"),
            ]
            for number in range(3):
                ask["messages"][0]["content"] = f"Hello {number}?"  # type: ignore[index]
                send("POST", "/v1/chat/completions", ask)
            assert upstream.keys[0] == f"Bearer {PROVIDER}"
            send("GET", "/api/v1/me", authorization=f"Bearer {made['key'][:-4]}0000")
            send("GET", "/api/v1/me", authorization="Bearer eyJhbGciOiJub25lIn0.e30.")
            client.put(
                "/api/v1/collections/docs/documents/a.md", content=b"# A\n\nText.\n", headers={"prefer": "wait=60"}
            )
            for path in ("commands", "keys", "providers", "projections", "audit", "spend"):
                send("GET", f"/api/v1/{path}")
            send("GET", "/readyz")
            send("GET", "/metrics")
            collector.wait(lambda: collector.named("chat m"))
    secret = made["key"].rsplit("_", 1)[1]

    everything = {"responses": "\n".join(told), "spans": repr(collector.spans), "log": log.read_text()}
    assert json.dumps(everything)
    for one in (*SECRETS, secret):
        assert {name for name, text in everything.items() if one in text} == set(), one
        assert files_with(data, one.encode()) == []
    # the search does find what is there
    assert files_with(data, made["prefix"].encode())
