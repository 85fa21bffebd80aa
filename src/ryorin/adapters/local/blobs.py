"""Contents in a folder, named by their SHA-256, per organisation."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from ryorin.contexts.knowledge.commands import StoredContent
from ryorin.kernel.errors import InvalidInput, NotFound, Unavailable
from ryorin.kernel.messages import OrgId

MEGABYTE = 1024 * 1024


class LocalBlobStore:
    """The `BlobStore` port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, org_id: OrgId, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        """Store a stream; what this returned is on disk. Raises InvalidInput past `max_bytes`, Unavailable when the
        disk is full or fails."""
        try:
            return await self._put(self._folder / _folder_of(org_id), content, max_bytes)
        except OSError as error:
            raise Unavailable(f"the content could not be stored: {error.strerror}") from error

    async def _put(self, folder: Path, content: AsyncIterator[bytes], max_bytes: int) -> StoredContent:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        part: IO[bytes] = tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False)  # noqa: SIM115 - kept under another name
        try:
            async for piece in content:
                size += len(piece)
                if size > max_bytes:
                    raise InvalidInput(f"the content is larger than the limit of {max_bytes // MEGABYTE} MB")
                digest.update(piece)
                part.write(piece)
            await asyncio.to_thread(_keep, part, folder / digest.hexdigest())
        except BaseException:
            with suppress(OSError):
                # what was not written yet cannot be written now either
                part.close()
            await asyncio.to_thread(Path(part.name).unlink, missing_ok=True)
            raise
        return StoredContent(digest.hexdigest(), size)

    async def get(self, org_id: OrgId, content_hash: str) -> bytes:
        """The content; raises NotFound, and Unavailable when the disk fails."""
        path = self._folder / _folder_of(org_id) / content_hash
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise NotFound(f"content {content_hash} is not stored; upload it again") from error
        except OSError as error:
            raise Unavailable(f"the content {content_hash} could not be read: {error.strerror}") from error

    async def delete(self, org_id: OrgId, content_hash: str, idle_seconds: float) -> bool:
        """Drop a content unless it was stored so lately; whether it is gone."""
        path = self._folder / _folder_of(org_id) / content_hash
        return await asyncio.to_thread(_dropped, path, idle_seconds)


def _dropped(path: Path, idle_seconds: float) -> bool:
    try:
        if time.time() - path.stat().st_mtime < idle_seconds:
            return False
        path.unlink()
    except FileNotFoundError:
        pass  # gone it is
    return True


def _keep(part: IO[bytes], target: Path) -> None:
    part.flush()
    os.fsync(part.fileno())
    part.close()
    Path(part.name).rename(target)
    # the name itself must survive a crash too, or an accepted command would miss its content
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _folder_of(org_id: OrgId) -> str:
    """A name for an organisation that no id can turn into another folder."""
    return hashlib.sha256(org_id.encode()).hexdigest()[:32]
