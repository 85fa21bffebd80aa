"""A backup that is taken while documents come, restored elsewhere: the same log, the same answers, and it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.server import ServerProcess

QUESTIONS = [f"Who keeps the key of room {number}?" for number in range(8)]


def ryorin(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ryorin.bootstrap.cli", *arguments],
        env={**os.environ, "RYORIN_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def put(client: httpx.Client, name: str, text: str) -> str:
    response = client.put(
        f"/api/v1/collections/docs/documents/{name}", content=text.encode(), headers={"prefer": "wait=60"}
    )
    assert response.status_code == 200, response.text
    return response.headers["x-ryorin-position"]


def answers(client: httpx.Client, token: str) -> list[tuple[str, list[str]]]:
    """What is answered, and from which documents."""
    found = []
    for question in QUESTIONS:
        body: dict[str, Any] = {
            "model": "extractive/collection/docs",
            "messages": [{"role": "user", "content": question}],
            "ryorin": {"cache": False},
        }
        response = client.post("/v1/chat/completions", json=body, headers={"x-ryorin-consistency": token})
        assert response.status_code == 200, response.text
        said = response.json()
        cited = [one["document"] for one in said["ryorin"]["citations"]]
        found.append((said["choices"][0]["message"]["content"], cited))
    return found


def test_a_backup_under_load_is_whole_and_goes_on_elsewhere(tmp_path: Path) -> None:
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    tmp_path.chmod(0o755)
    with ServerProcess() as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        for number in range(8):
            token = put(
                client, f"room-{number}.md", f"# Room {number}\n\nThe key of room {number} is kept by P{number}.\n"
            )
        before = answers(client, token)
        written: list[str] = []
        stop = threading.Event()

        def load() -> None:
            with httpx.Client(base_url=server.base_url, timeout=60) as other:
                while not stop.is_set():
                    put(other, f"note-{len(written)}.md", f"Note {len(written)}: nothing of rooms.\n")
                    written.append(token)

        loading = threading.Thread(target=load)
        loading.start()
        try:
            done = ryorin(server.data_dir, "backup", str(backup), "--json")
        finally:
            stop.set()
            loading.join()
        assert done.returncode == 0, done.stderr
        assert written
        told = json.loads(done.stdout)
        assert told["events"] >= 8
        again = ryorin(server.data_dir, "backup", str(backup))
        assert (again.returncode, again.stderr.count("\n")) == (2, 1), again.stderr

    restored = ryorin(elsewhere, "restore", str(backup), "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["events"] == told["events"]
    with ServerProcess(elsewhere) as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        assert answers(client, told["position"]) == before
        after = put(client, "room-9.md", "# Room 9\n\nThe key of room 9 is kept by P9.\n")
        assert answers(client, after) == before
        readiness = client.get("/readyz").json()
        assert all(check["ok"] for check in readiness["checks"]), readiness
    full = ryorin(elsewhere, "restore", str(backup))
    assert full.returncode == 2
    assert "RYORIN_DATA_DIR" in full.stderr


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    with ServerProcess() as server, httpx.Client(base_url=server.base_url, timeout=60) as client:
        put(client, "a.md", "One.")
        done = ryorin(server.data_dir, "backup", str(tmp_path / "backup"))
        assert done.returncode == 0, done.stderr
    return tmp_path / "backup"


def test_a_damaged_backup_is_not_restored(backup: Path, tmp_path: Path) -> None:
    (blob,) = [path for path in (backup / "blobs").rglob("*") if path.is_file()]
    content = blob.read_bytes()
    blob.write_bytes(b"Two.")
    wrong_content = ryorin(tmp_path / "a", "restore", str(backup))
    blob.write_bytes(content)
    version = backup / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    wrong_database = ryorin(tmp_path / "b", "restore", str(backup))
    (backup / "manifest.json").unlink()
    no_backup = ryorin(tmp_path / "c", "restore", str(backup))

    assert [one.returncode for one in (wrong_content, wrong_database, no_backup)] == [2, 2, 2]
    assert "named by" in wrong_content.stderr
    assert "damaged" in wrong_database.stderr
    assert "no backup" in no_backup.stderr
    assert not (tmp_path / "b" / "postgres").exists()


def test_a_database_of_ones_own_is_not_backed_up_by_halves(tmp_path: Path) -> None:
    environment = {**os.environ, "RYORIN_DATA_DIR": str(tmp_path), "RYORIN_DATABASE_URL": "postgresql://x/y"}
    command = [sys.executable, "-m", "ryorin.bootstrap.cli", "backup", str(tmp_path / "backup")]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "pg_basebackup" in done.stderr
    assert not (tmp_path / "backup").exists()
