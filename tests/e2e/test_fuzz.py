"""Every REST endpoint, asked what its own description allows and what it does not: never a 5xx."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks.server import ServerProcess

DESCRIPTION = json.loads(Path("docs/openapi.json").read_text())
OPERATIONS = [
    (method.upper(), path)
    for path, methods in DESCRIPTION["paths"].items()
    for method in methods
    # a stranger's rebuilds would only slow the others down; a test of its own does them
    if not path.endswith("/rebuild")
]


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: schemathesis.SerializationContext, value: object) -> bytes:
    """Half of the texts as they are, half as records that are well formed."""
    text = value if isinstance(value, str) else json.dumps(value)
    told = text if len(text) % 2 else json.dumps({"id": text, "text": text})
    return told.encode(errors="surrogatepass")


def takes_input(path: str, method: str) -> bool:
    operation = DESCRIPTION["paths"][path][method.lower()]
    return bool(operation.get("parameters") or operation.get("requestBody"))


@pytest.fixture(scope="module")
def administrator() -> Iterator[httpx.Client]:
    """A server of its own, asked with a key: the first key that is made ends access without one."""
    with ServerProcess() as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        created = client.post("/api/v1/keys", json={"label": "fuzz", "scopes": ["admin"]}).raise_for_status()
        client.headers["authorization"] = f"Bearer {created.json()['key']}"
        client.put("/api/v1/collections/docs/documents/a.md", content=b"# A\n\nA word.").raise_for_status()
        yield client


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_input_makes_the_server_fail(
    administrator: httpx.Client, method: str, path: str, mode: GenerationMode
) -> None:
    if mode is GenerationMode.NEGATIVE and not takes_input(path, method):
        pytest.skip("takes no input that could be wrong")
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method]
    key = administrator.headers["authorization"]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def ask(case) -> None:  # type: ignore[no-untyped-def]  # schemathesis' own type
        # a wait is kept short, or waiting would be all that is tested
        if isinstance(case.query, dict) and "wait" in case.query:
            case.query["wait"] = 0
        case.headers = {**(case.headers or {}), "authorization": key}
        response = case.call_and_validate(checks=[not_a_server_error], base_url=str(administrator.base_url), timeout=30)
        assert response.status_code != httpx.codes.UNAUTHORIZED  # or nothing behind the door was tested

    ask()


def test_the_committed_description_is_that_of_the_routes() -> None:
    finished = subprocess.run(
        [sys.executable, "scripts/openapi.py", "--check"], capture_output=True, text=True, check=False
    )

    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/api/v1/collections", 405),
        ("GET", "/api/v1/collections/none", 404),
        ("GET", "/api/v1/commands/not-a-uuid", 400),
        ("PUT", "/api/v1/collections/a%0Ab/documents/x.md", 400),
    ],
)
def test_mistakes_are_problem_documents(administrator: httpx.Client, method: str, path: str, status: int) -> None:
    response = administrator.request(method, path, content=b"x")

    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code"} <= set(response.json())


def chat(content: str, model: str = "collection/docs") -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/v1/collections/docs/search", {"query": "\ud800 x"}, "surrogate"),
        ("/api/v1/collections/docs/search", {"query": "a\0"}, "NUL"),
        ("/api/v1/collections/docs/search", {"query": "a", "filter": {"metadata": {"k": "\0"}}}, "NUL"),
        ("/api/v1/collections/docs/search", {"query": "a", "tags": ["x"]}, "Extra inputs are not permitted"),
        ("/api/v1/collections/docs/tags/a.md", {"add": ["\0"]}, "NUL"),
        ("/v1/chat/completions", chat("a", "collection/docs\0"), "NUL"),
        ("/v1/chat/completions", chat("half \ud800 a pair"), "surrogate"),
        ("/v1/embeddings", {"model": "multilingual-e5-small", "input": "\0"}, "NUL"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(
    administrator: httpx.Client, path: str, body: dict[str, object], words: str
) -> None:
    response = administrator.post(path, content=json.dumps(body), headers={"content-type": "application/json"})

    assert response.status_code == httpx.codes.BAD_REQUEST
    assert words in response.text


def test_a_new_key_opens_at_once_and_a_revoked_one_not_for_long(administrator: httpx.Client) -> None:
    created = administrator.post("/api/v1/keys", json={"label": "short", "scopes": ["admin"]}).json()
    bearer = {"authorization": f"Bearer {created['key']}"}
    assert administrator.get("/api/v1/keys", headers=bearer).status_code == httpx.codes.OK

    administrator.delete(f"/api/v1/keys/{created['prefix']}").raise_for_status()

    deadline = time.monotonic() + 5
    while administrator.get("/api/v1/keys", headers=bearer).status_code != httpx.codes.UNAUTHORIZED:
        assert time.monotonic() < deadline


def test_who_follows_commands_with_a_key_that_is_revoked_hears_no_more(administrator: httpx.Client) -> None:
    created = administrator.post("/api/v1/keys", json={"label": "follower", "scopes": ["admin"]}).json()
    bearer = {"authorization": f"Bearer {created['key']}"}
    address = f"ws://{administrator.base_url.netloc.decode()}/ws/events"
    with connect(address, additional_headers=bearer) as socket:
        socket.send("ping")
        assert json.loads(socket.recv()) == {"type": "pong"}
        administrator.put("/api/v1/collections/docs/documents/before.md", content=b"# B\n\nA word.").raise_for_status()
        assert json.loads(socket.recv(timeout=30))["type"] == "command"
        administrator.delete(f"/api/v1/keys/{created['prefix']}").raise_for_status()
        deadline = time.monotonic() + 30
        told: list[dict[str, object]] = []
        with pytest.raises(ConnectionClosed):
            while time.monotonic() < deadline:
                administrator.put("/api/v1/collections/docs/documents/after.md", content=f"{time.monotonic()}".encode())
                told.append(json.loads(socket.recv(timeout=30)))
    assert told[-1]["type"] == "error"
