"""A real server in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from benchmarks.server import ServerProcess

DOCUMENTS = {
    "office.md": "# Office\n\nThe Tokyo office opens at nine. Coffee is free for everyone.\n",
    "図書館.md": "# 図書館\n\n図書館は月曜日に休館します。貸出は二週間です。\n",
}


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """A server with two documents in the collection `docs`."""
    with ServerProcess() as running, httpx.Client(base_url=running.base_url, timeout=60) as client:
        for name, text in DOCUMENTS.items():
            response = client.put(
                f"/api/v1/collections/docs/documents/{name}", content=text.encode(), headers={"prefer": "wait=60"}
            )
            assert response.status_code == 200, response.text
            token = response.headers["x-ryorin-position"]
        client.get("/api/v1/collections/docs", headers={"x-ryorin-consistency": token}).raise_for_status()
        client.post(
            "/api/v1/collections/docs/search", json={"query": "x"}, headers={"x-ryorin-consistency": token}
        ).raise_for_status()
        yield running
