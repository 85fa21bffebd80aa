"""A folder with broken, hostile and good files, ingested by the command line as people do it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.server import ServerProcess
from ryorin.bootstrap import cli
from tests.malformed import hostile_but_valid, malformed_files, sample_files


def ryorin(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RYORIN_DATA_DIR": str(data_dir)}
    return subprocess.run(
        [sys.executable, "-m", "ryorin.bootstrap.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def inside(monkeypatch: pytest.MonkeyPatch, data_dir: Path, *arguments: str) -> int:
    """As `ryorin`, in this process: to start a program takes longer than all that most of them do."""
    monkeypatch.setenv("RYORIN_DATA_DIR", str(data_dir))
    monkeypatch.setattr(sys, "argv", ["ryorin", *arguments])
    monkeypatch.setattr(cli, "configure_logging", lambda level: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.timeout(240)
def test_a_bad_file_never_blocks_the_batch(server: ServerProcess, tmp_path: Path) -> None:
    bad = {file.name: file for file in malformed_files() if not file.name.endswith(".png")}
    good = {name: content for name, (content, _, _) in hostile_but_valid().items()} | sample_files()
    for name, content in {**{name: file.content for name, file in bad.items()}, **good}.items():
        (tmp_path / name).write_bytes(content)

    first = ryorin(server.data_dir, "ingest", str(tmp_path), "--collection", "batch", "--json")

    assert first.returncode == 1, first.stderr
    report = json.loads(first.stdout)
    assert (report["added"], len(report["failed"])) == (len(good), len(bad))
    for name, file in bad.items():
        assert name in report["failed"][name] or "larger than" in report["failed"][name]
        assert file.reason in report["failed"][name] or "larger than" in report["failed"][name]

    (tmp_path / "a.md").write_text("# Heron\n\nThe heron flew to Kyoto.\n")
    (tmp_path / "a.txt").unlink()
    for name in bad:
        (tmp_path / name).unlink()
    second = ryorin(server.data_dir, "ingest", str(tmp_path), "--collection", "batch", "--json")
    report = json.loads(second.stdout)
    assert second.returncode == 0, second.stdout
    counts = {name: report[name] for name in ("added", "changed", "unchanged", "removed")}
    assert counts == {"added": 0, "changed": 1, "unchanged": len(good) - 2, "removed": 1}
    asked = ryorin(server.data_dir, "ask", "Where did the heron fly?", "--collection", "batch", "--json")
    assert "The heron flew to Kyoto." in json.loads(asked.stdout)["text"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "x", "--collection", "nowhere"), "there is no collection 'nowhere'"),
        (("ask", "x", "--collection", "docs", "--model", "gpt-9"), "there is no model 'gpt-9'"),
        (("ingest", "/no/such/folder", "--collection", "x"), "/no/such/folder does not exist"),
        (("commands", "show", "not-an-id"), "valid UUID"),
        (("projections", "rebuild", "nothing"), "there is no projection 'nothing'"),
        (("records", "/no/such/file", "-c", "docs"), "/no/such/file cannot be read"),
        (("records", __file__, "-c", "docs"), "line 1: it is not JSON"),
        (("erase", "never.md", "-c", "docs", "--yes"), "there is nothing of a document 'never.md'"),
    ],
)
def test_a_users_mistake_is_one_line_and_no_traceback(
    server: ServerProcess,
    arguments: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = inside(monkeypatch, server.data_dir, *arguments)
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert code in (1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve", "--roles", "cook"), "roles 'cook'"),
        (("serve", "--host", "0.0.0.0", "--port", "0"), "refuses to listen"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(
    server: ServerProcess, arguments: tuple[str, ...], words: str
) -> None:
    finished = ryorin(server.data_dir, *arguments)

    assert words in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.returncode in (1, 2)


def test_records_of_a_file_go_in_together_and_one_is_erased(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "tickets.ndjson"
    lines = (json.dumps({"id": f"t{one}", "text": f"Ticket {one} is open."}) for one in range(1100))
    file.write_text("\n".join(lines))
    put = ryorin(server.data_dir, "records", str(file), "--collection", "tickets", "--json")
    assert put.returncode == 0, put.stderr
    assert json.loads(put.stdout)["added"] == 1100
    erased = ryorin(server.data_dir, "erase", "t7", "--collection", "tickets", "--yes")
    assert (erased.returncode, "erased t7" in erased.stdout) == (0, True)


def test_doctor_and_statuses_as_json(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str) -> Any:
        assert inside(monkeypatch, server.data_dir, *arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    assert all(check["ok"] for check in told("doctor"))
    assert {one["name"] for one in told("projections", "status")} >= {"knowledge.search", "answers.freshness"}
    assert len(told("commands", "list", "--limit", "3")) == 3


@pytest.mark.timeout(240)
def test_a_watched_folder_stays_in_sync_until_it_is_interrupted(server: ServerProcess, tmp_path: Path) -> None:
    def documents() -> set[str]:
        response = httpx.get(f"{server.base_url}/api/v1/collections/watched/documents", timeout=30)
        return {one["document"] for one in response.json()["documents"]} if response.is_success else set()

    (tmp_path / "first.md").write_text("# First\n\nThe first file.\n")
    arguments = [sys.executable, "-m", "ryorin.bootstrap.cli", "ingest", str(tmp_path), "-c", "watched", "--watch"]
    environment = {**os.environ, "RYORIN_DATA_DIR": str(server.data_dir), "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        try:
            wait_until(lambda: documents() == {"first.md"})
            (tmp_path / "second.md").write_text("# Second\n\nThe second file.\n")
            wait_until(lambda: documents() == {"first.md", "second.md"})
            (tmp_path / "first.md").unlink()
            wait_until(lambda: documents() == {"second.md"})
        finally:
            watching.send_signal(signal.SIGINT)
        out, err = _ended(watching)

    assert watching.returncode == 130
    assert b"Traceback" not in err
    assert out.count(b"added 1") == 2


def _ended(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a process said until it ended; one that does not end says where it is."""
    try:
        return process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        _, err = process.communicate(timeout=10)
        pytest.fail(f"it did not end: {err.decode()[-6000:]}")


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
