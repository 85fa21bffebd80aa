"""One Ryorin words questions differently for another one, which answers whatever becomes of the first."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from benchmarks.server import ServerProcess

QUESTION = "When does the office open?"
SEARCH = {"query": QUESTION, "expand": True, "deadline_seconds": 10}


@pytest.fixture(scope="module")
def expander() -> Iterator[ServerProcess]:
    with ServerProcess(RYORIN_EXPANSION__MODEL="smollm2", RYORIN_EXPANSION__TIMEOUT="30") as server:
        yield server


@contextmanager
def searching(url: str) -> Iterator[httpx.Client]:
    """A server with two documents that asks another for wordings."""
    environment = {"RYORIN_EXPANSION__URL": url, "RYORIN_EXPANSION__TIMEOUT": "1"}
    with ServerProcess(**environment) as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        for name in ("office", "lake"):
            path = f"/api/v1/collections/docs/documents/{name}.md"
            text = f"# {name}\n\nThe {name} opens at nine. Ask the reception about the {name}.\n"
            response = client.put(path, content=text.encode(), headers={"prefer": "wait=60"}).raise_for_status()
        client.headers["x-ryorin-consistency"] = response.headers["x-ryorin-position"]
        yield client


@contextmanager
def hanging() -> Iterator[str]:
    """A server that takes connections and never answers."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hold() -> None:
            try:
                while True:
                    held.append(listener.accept()[0])
            except OSError:
                return  # the test is over

        thread = threading.Thread(target=hold, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


@pytest.mark.timeout(240)
def test_a_model_behind_one_server_expands_for_another(expander: ServerProcess) -> None:
    asked = {"query": QUESTION, "japanese_count": 0, "english_count": 2}
    with httpx.Client(base_url=expander.base_url, timeout=60) as client:
        told = client.post("/api/v1/expand-query", json=asked).raise_for_status().json()
        again = client.post("/api/v1/expand-query", json=asked).raise_for_status().json()
    assert told["source"] == "model", told
    assert 1 <= len(told["variants"]) <= 2
    assert again == {**told, "cached": True}

    with searching(expander.base_url) as client:
        # what comes late the first time is there the second time
        found = [client.post("/api/v1/collections/docs/search", json=SEARCH).json() for _ in range(2)][-1]

    assert found["expansion"]["source"] in ("service", "feedback")
    assert found["expansion"]["variants"]
    assert found["hits"][0]["document"] == "office.md"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["hangs", "is away", "talks rubbish"])
def test_an_expander_that_fails_costs_no_answer_and_is_named(kind: str, expander: ServerProcess) -> None:
    with hanging() as hung:
        url = {
            "hangs": hung,
            "is away": "http://127.0.0.1:9",
            # the models list is JSON, but no expansion
            "talks rubbish": f"{expander.base_url}/v1/models?/expand-query",
        }[kind]
        with searching(url) as client:
            response = client.post("/api/v1/expand-query", json={"query": QUESTION}).raise_for_status().json()
            found = client.post("/api/v1/collections/docs/search", json=SEARCH).raise_for_status().json()
            for number in range(3):
                client.post("/api/v1/expand-query", json={"query": f"{QUESTION} {number}"}).raise_for_status()
            opened = client.post("/api/v1/expand-query", json={"query": "Another one"}).json()

    assert (response["source"], response["variants"]) == ("none", [])
    assert "the expansion service" in response["left_out"]["service"]
    assert found["hits"][0]["document"] == "office.md"
    # the service failed, and the words of the first hits took its place
    assert found["expansion"]["source"] == "feedback"
    assert opened["left_out"]["service"] == "its circuit breaker is open"
