"""Backs a data folder up while its servers run, and puts a backup in place elsewhere (ADR-0024)."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import ryorin
from ryorin.adapters.postgres.backup import BackupDamaged, LogProof, copy_cluster, prove_log, restore_cluster
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.bootstrap.settings import Settings
from ryorin.entrypoints.services import BackupReport
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.events import LogPosition

MANIFEST = "manifest.json"
FORMAT = 1
# what lies beside the database: contents that documents were made from, and answers that are seldom asked for
FOLDERS = ("blobs", "objects")
PIECE = 1024 * 1024


def back_up(settings: Settings, target: Path) -> BackupReport:
    """Write a backup into a new folder; everything committed before it ends is in it.

    Raises InvalidInput for a database that is not embedded or a folder that is not empty, BackupDamaged when a content
    is not what its name says.
    """
    _check_embedded(settings)
    if target.exists() and any(target.iterdir()):
        raise InvalidInput(f"{target} is not empty; a backup is written into a folder of its own")
    began = monotonic()
    target.mkdir(parents=True, exist_ok=True)
    # documents of the past, secrets' hashes: as private as the data folder
    target.chmod(0o700)
    server = EmbeddedPostgres.start(settings.data_dir)
    try:
        proof = prove_log(server.url)
        copy_cluster(server, target / "postgres")
    finally:
        server.release()
    # after the database: what it refers to was there before
    files = sum(_copy(settings.data_dir / name, target / name) for name in FOLDERS)
    manifest = {
        "format": FORMAT,
        "ryorin": ryorin.__version__,
        "finished_at": datetime.now(UTC).isoformat(),
        "position": str(proof.position),
        "events": proof.events,
        "events_sha256": proof.sha256,
        "files": files,
    }
    # the last thing: a folder without it is no backup
    (target / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return _report(target, proof, files, began)


def restore(settings: Settings, source: Path) -> BackupReport:
    """Put a backup into a data folder without a database, start it once and compare it with the manifest.

    Raises InvalidInput when there is no backup or no room for it, BackupDamaged when it is not what was backed up.
    """
    _check_embedded(settings)
    manifest = _manifest(source)
    began = monotonic()
    restore_cluster(source / "postgres", settings.data_dir)
    files = sum(_copy(source / name, settings.data_dir / name) for name in FOLDERS)
    server = EmbeddedPostgres.start(settings.data_dir)
    try:
        proof = prove_log(server.url, LogPosition.parse(str(manifest["position"])))
    finally:
        server.release()
    if (proof.events, proof.sha256) != (manifest["events"], manifest["events_sha256"]):
        raise BackupDamaged(
            f"the log of {source} is not what was backed up: {proof.events} events, not {manifest['events']}"
        )
    if files != manifest["files"]:
        raise BackupDamaged(f"{source} has {files} files beside the database, not {manifest['files']}")
    return _report(settings.data_dir, proof, files, began)


def _check_embedded(settings: Settings) -> None:
    if settings.database_url is not None:
        raise InvalidInput(
            "the database is a PostgreSQL of your own (RYORIN_DATABASE_URL): back it up with physical tools such as"
            " pg_basebackup, pgBackRest or your provider's snapshots, not with pg_dump; see docs/en/backup.md"
        )


def _manifest(source: Path) -> dict[str, object]:
    try:
        manifest = dict(json.loads((source / MANIFEST).read_text()))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{source} is no backup: its {MANIFEST} cannot be read") from error
    if manifest.get("format") != FORMAT:
        raise InvalidInput(f"{source} was written by another version of Ryorin ({manifest.get('ryorin')})")
    return manifest


def _copy(source: Path, target: Path) -> int:
    """Copy files, comparing those that are named by their contents; how many."""
    copied = 0
    for path in _files(source):
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        _copy_checked(path, to)
        copied += 1
    return copied


def _files(folder: Path) -> Iterator[Path]:
    # what is still being written has another name, and nothing refers to it
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".part")


def _copy_checked(path: Path, to: Path) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as read, to.open("wb") as written:
        while piece := read.read(PIECE):
            digest.update(piece)
            written.write(piece)
    shutil.copystat(path, to)
    if _is_hash(path.name) and path.name != digest.hexdigest():
        raise BackupDamaged(f"{path} is not the content that it is named by")


def _is_hash(name: str) -> bool:
    return len(name) == hashlib.sha256().digest_size * 2 and all(one in "0123456789abcdef" for one in name)


def _report(folder: Path, proof: LogProof, files: int, began: float) -> BackupReport:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return BackupReport(str(folder), str(proof.position), proof.events, files, size, monotonic() - began)
