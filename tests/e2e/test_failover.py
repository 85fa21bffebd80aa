"""Processes that end without a word: others go on with what they had under way, and with feeding the read models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.server import ServerProcess

DOCUMENTS = 30


@pytest.fixture
def front(tmp_path: Path) -> Iterator[ServerProcess]:
    tmp_path.chmod(0o755)
    with ServerProcess(tmp_path, roles="http") as running:
        yield running


def put(client: httpx.Client, number: int, wait: int) -> httpx.Response:
    response = client.put(
        f"/api/v1/collections/docs/documents/d{number}.md",
        content=f"# Document {number}\n\nIt tells about marker{number}.\n".encode(),
        headers={"prefer": f"wait={wait}", "idempotency-key": f"put-{number}"},
    )
    assert response.status_code in (200, 202), response.text
    return response


def found(client: httpx.Client, number: int, token: str) -> bool:
    """Whether a search that must see the write finds it; within a minute, or it is answered that it cannot."""
    response = client.post(
        "/api/v1/collections/docs/search",
        params={"wait": 60},
        json={"query": f"marker{number}", "mode": "lexical", "top_k": 3},
        headers={"x-ryorin-consistency": token},
    )
    assert response.status_code == 200, response.text
    return any(f"marker{number}." in hit["text"] for hit in response.json()["hits"])


def test_a_worker_that_is_killed_is_replaced_by_another(front: ServerProcess, tmp_path: Path) -> None:
    first, second = (ServerProcess(tmp_path, roles="worker,projections") for _ in range(2))
    with first.started(), second.started(), httpx.Client(base_url=front.base_url, timeout=120) as client:
        assert found(client, 0, put(client, 0, 60).headers["x-ryorin-position"])
        accepted: list[str] = []

        def load() -> None:
            with httpx.Client(base_url=front.base_url, timeout=120) as other:
                accepted.extend(put(other, number, 0).json()["id"] for number in range(1, DOCUMENTS))

        loading = threading.Thread(target=load)
        loading.start()
        # whichever of them feeds the read models: one after the other is killed, and the first comes back
        first.kill()
        loading.join()
        assert found(client, DOCUMENTS, put(client, DOCUMENTS, 60).headers["x-ryorin-position"])
        first.start(wait=False)
        second.kill()
        token = put(client, DOCUMENTS + 1, 60).headers["x-ryorin-position"]
        assert found(client, DOCUMENTS + 1, token)

        states = {client.get(f"/api/v1/commands/{one}", params={"wait": 60}).json()["state"] for one in accepted}
        assert states == {"succeeded"}
        token = client.get(f"/api/v1/commands/{accepted[-1]}").json()["position"]
        assert all(found(client, number, token) for number in range(1, DOCUMENTS))
        listed = client.get("/api/v1/collections/docs").json()
        assert listed["documents"] == DOCUMENTS + 2
