"""An erased document is found nowhere any more: not by asking, and not by reading every file of the data folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.server import ServerProcess

# each stands in one kind of place only
TEXT, OLDER, TITLE, META, TAG, FILENAME, FAILED, RECORD = (
    f"{name}zorblattq7" for name in ("text", "older", "title", "meta", "tag", "filename", "failed", "record")
)
ERASED = (TEXT, OLDER, TITLE, META, TAG, FILENAME, FAILED, RECORD)
KEPT = "keptzorblattq7"
QUESTION = "What does the secret plan of the harbour say about the lighthouse?"


def files_with(folder: Path, word: str) -> list[str]:
    wanted = word.encode()
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and wanted in path.read_bytes().lower()
    ]


class Person:
    """Someone who puts, asks and erases, always seeing what was written before."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def send(self, method: str, path: str, content: str = "", expected: int = 200, **params: Any) -> httpx.Response:
        response = self.client.request(
            method, f"/api/v1/{path}", content=content.encode(), params=params, headers={"prefer": "wait=60"}
        )
        assert response.status_code == expected, response.text
        if token := response.headers.get("x-ryorin-position"):
            self.client.headers["x-ryorin-consistency"] = token
        return response

    def put(self, document: str, content: str, **params: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.send("PUT", f"collections/docs/documents/{document}", content, **params).json()
        return told

    def rebuild(self, projection: str) -> None:
        rebuild = self.client.post(f"/api/v1/projections/{projection}/rebuild").json()["id"]
        told = self.client.get(f"/api/v1/commands/{rebuild}", params={"wait": 60}).json()
        assert told["state"] == "succeeded", told

    def ask(self) -> str:
        body = {"model": "extractive/collection/docs", "messages": [{"role": "user", "content": QUESTION}]}
        response = self.client.post("/v1/chat/completions", json=body)
        assert response.status_code == 200, response.text
        answer: str = response.json()["choices"][0]["message"]["content"]
        return answer


def eventually_scrubbed(data: Path) -> None:
    """Scrub until nothing waits: contents wait for a moment after their last use."""
    deadline = time.monotonic() + 60
    environment = {**os.environ, "RYORIN_DATA_DIR": str(data), "RYORIN_ERASURE__IDLE_SECONDS": "0.5"}
    while time.monotonic() < deadline:
        done = subprocess.run(
            [sys.executable, "-m", "ryorin.bootstrap.cli", "scrub", "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        if json.loads(done.stdout)["waiting"] == 0:
            return
        time.sleep(1)
    raise AssertionError("something waits to be dropped")


def test_an_erased_document_is_nowhere(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with (
        ServerProcess(tmp_path, RYORIN_ERASURE__IDLE_SECONDS="0.5") as server,
        httpx.Client(base_url=server.base_url, timeout=120) as client,
    ):
        person = Person(client)
        plan = "# Harbour\n\nThe secret plan says that the lighthouse is painted"
        person.put("plan.md", f"{plan} {OLDER}.\n", title=TITLE, meta=f"owner={META}", tag=TAG)
        person.put("plan.md", f"{plan} {TEXT}.\n", filename=f"{FILENAME}.md")
        assert person.put("plan.md", "\x00\x01", filename=f"{FAILED}.pdf")["state"] == "failed"
        person.put("other.md", f"# Other\n\nNothing of the harbour, but {KEPT}.\n")
        records = json.dumps({"id": "record", "text": f"The lighthouse plan of {RECORD}."})
        person.send("POST", "collections/docs/documents", records)
        before = person.ask()
        assert TEXT in before
        assert person.ask() == before
        assert all(files_with(tmp_path, word) for word in (*ERASED, KEPT))

        for document in ("plan.md", "record"):
            person.send("POST", f"collections/docs/erase/{document}")

        after = person.ask()
        assert not any(word in after for word in ERASED)
        hits = person.client.post("/api/v1/collections/docs/search", json={"query": QUESTION}).json()["hits"]
        assert [hit["document"] for hit in hits] == ["other.md"]
        assert (
            person.send("POST", "collections/docs/erase/plan.md", expected=404).json()["code"] == "document_not_found"
        )
        for gone in ("documents", "text", "versions"):
            told = client.get(f"/api/v1/collections/docs/{gone}/plan.md")
            assert told.status_code == 404 or told.json() == {"versions": []}, told.text
        restored = client.post("/api/v1/collections/docs/restore/plan.md", json={"version": 1})
        assert restored.status_code == 404
        for listed in ("commands", "audit"):
            told = client.get(f"/api/v1/{listed}")
            assert told.status_code == 200
            assert not any(word in told.text for word in ERASED)
        # what is made anew from the log knows nothing of it either
        person.rebuild("knowledge.documents")
        person.rebuild("knowledge.search")
        person.put("new.md", f"# New\n\nAfter the rebuild, {KEPT} again.\n")
        listed = [one["document"] for one in client.get("/api/v1/collections/docs/documents").json()["documents"]]
        assert listed == ["new.md", "other.md"]

        eventually_scrubbed(tmp_path)
        # nothing that is still named was dropped
        person.rebuild("knowledge.search")
        found = client.post("/api/v1/collections/docs/search", json={"query": "harbour"}).json()["hits"]
        assert {hit["document"] for hit in found} == {"new.md", "other.md"}
        # under the same id a document may come again, and its versions go on
        again = person.put("plan.md", "# Harbour\n\nA new plan.\n")
        assert again["result"]["version"] == 3
    assert files_with(tmp_path, KEPT)
    assert {word: found for word in ERASED if (found := files_with(tmp_path, word))} == {}
