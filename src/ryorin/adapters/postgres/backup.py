"""Backups of the embedded PostgreSQL: physical ones, for the log's order is by transaction ids (ADR-0024)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ryorin.adapters.postgres.embedded import EmbeddedPostgres, hand_over, tool
from ryorin.kernel.errors import InvalidInput, RyorinError, Unavailable
from ryorin.kernel.events import BEGINNING, LogPosition

HEAD = """
SELECT transaction_id::text::bigint, position FROM events
WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY events.transaction_id DESC, events.position DESC LIMIT 1
"""
LOG = """
SELECT transaction_id::text, position, org_id, stream_id, version, type, schema_version, data::text, metadata::text
FROM events WHERE (transaction_id, position) <= (%s::text::xid8, %s) ORDER BY events.transaction_id, events.position
"""
FETCHED_AT_A_TIME = 5000


class BackupDamaged(RyorinError):
    """What was backed up is not what is there."""

    code = "backup_damaged"


@dataclass(frozen=True, slots=True)
class LogProof:
    """The log up to a position: how many events, and the SHA-256 of all of them."""

    position: LogPosition
    events: int
    sha256: str


def prove_log(url: str, up_to: LogPosition | None = None) -> LogProof:
    """Read the log up to a position (None: the last settled event); it can only grow behind it."""
    digest, events = hashlib.sha256(), 0
    with psycopg.connect(url) as connection:
        if up_to is None:
            row = connection.execute(HEAD).fetchone()
            up_to = LogPosition(*row) if row else BEGINNING
        with connection.cursor(name="log") as cursor:
            cursor.itersize = FETCHED_AT_A_TIME
            cursor.execute(LOG, (str(up_to.transaction_id), up_to.position))
            for row in cursor:
                digest.update("\x1f".join(map(str, row)).encode() + b"\x1e")
                events += 1
    return LogProof(up_to, events, digest.hexdigest())


def copy_cluster(server: EmbeddedPostgres, target: Path) -> None:
    """Copy a running server's files, consistent as of the end of the copy, with a manifest of checksums.

    Raises Unavailable with what the tool said.
    """
    _run("pg_basebackup", f"--dbname={server.url}", f"--pgdata={target}", "--checkpoint=fast", "--wal-method=stream",
         "--manifest-checksums=SHA256")  # fmt: skip


def restore_cluster(source: Path, data_dir: Path) -> None:
    """Put a copy in place for the next start; raises BackupDamaged when a checksum does not fit."""
    _verify(source)
    target = data_dir / "postgres"
    if target.exists():
        raise InvalidInput(f"{target} exists; restore into a data folder without a database (RYORIN_DATA_DIR)")
    data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target)
    # of the server that was copied, which may be running still
    for lock in target.glob(".s.PGSQL.*.lock"):
        lock.unlink()
    hand_over(target)


def _verify(source: Path) -> None:
    """Compare every file with the copy's manifest, as pg_verifybackup does (the embedded wheel's own crashes)."""
    try:
        manifest = json.loads((source / "backup_manifest").read_bytes())
        listed = {str(one["Path"]): str(one["Checksum"]) for one in manifest["Files"]}
    except (OSError, ValueError, KeyError) as error:
        raise BackupDamaged(f"the database in {source} is damaged: its manifest cannot be read") from error
    for name, checksum in listed.items():
        try:
            with (source / name).open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == checksum
        except OSError:
            whole = False
        if not whole:
            raise BackupDamaged(f"the database in {source} is damaged: {name} is not what was backed up")


def _run(name: str, *arguments: str) -> None:
    environment = {**os.environ, "LC_ALL": "C"}
    command = [str(tool(name)), *arguments]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise Unavailable(f"{name}: {(finished.stderr or finished.stdout).strip()[-500:]}")
