"""The cold tier of L2: bodies of answers that nobody asked for lately lie in object storage (ADR-0017)."""

from __future__ import annotations

import base64
import json
import logging
import zlib
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from psycopg.types.json import Jsonb

from ryorin.adapters.postgres.pool import Pool, Row, run
from ryorin.contexts.answers.read.ports import ObjectStore
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import OrgId

logger = logging.getLogger(__name__)

BATCH = 100
# what ends soon is not worth the way
SOON_SECONDS = 3600
# an object that no answer names is one on its way for so long
GRACE_SECONDS = 600

WARM = """
SELECT org_id, key, id, answer, probe, warm_since FROM answers
WHERE cold IS NULL AND invalidated_at IS NULL AND warm_since < now() - make_interval(secs => %s)
  AND expires_at > now() + make_interval(secs => %s)
ORDER BY warm_since LIMIT %s
"""
NOTE = "INSERT INTO cold_objects (name, org_id) VALUES (%s, %s)"
COOL = """
UPDATE answers SET answer = jsonb_build_object('model', answer->>'model'), probe = NULL, cold = %(name)s
WHERE org_id = %(org_id)s AND key = %(key)s AND id = %(id)s AND cold IS NULL AND invalidated_at IS NULL
  AND warm_since = %(warm_since)s
"""
PROMOTE = """
UPDATE answers SET answer = %(answer)s, probe = %(probe)s, cold = NULL, warm_since = now()
WHERE org_id = %(org_id)s AND key = %(key)s AND cold = %(name)s
"""
UNUSED = """
SELECT name FROM cold_objects o
WHERE noted_at < now() - make_interval(secs => %s)
  AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.org_id = o.org_id AND a.cold = o.name)
LIMIT %s
"""
FORGET = "DELETE FROM cold_objects WHERE name = %s"


class ColdAnswers:
    """Moves bodies out, and back when they are asked for."""

    def __init__(self, pool: Pool, objects: ObjectStore, after_seconds: float) -> None:
        self._pool = pool
        self._objects = objects
        self._after_seconds = after_seconds

    async def cool(self) -> int:
        """Move bodies of answers that have been warm for long, and drop objects nobody names; how many moved."""
        moved = 0
        while rows := await self._pool.fetch(WARM, (self._after_seconds, SOON_SECONDS, BATCH)):
            for row in rows:
                moved += await self._cool_one(row)
        while unused := await self._pool.fetch(UNUSED, (GRACE_SECONDS, BATCH)):
            for row in unused:
                await self._objects.delete(row["name"])
                await self._pool.execute(FORGET, (row["name"],))
        return moved

    async def _cool_one(self, row: Row) -> int:
        # noted before it is there, named by an answer after: whatever happens between, it is found and dropped
        name = f"answers/{quote(row['org_id'], safe='')}/{uuid4().hex}"
        await self._pool.execute(NOTE, (name, row["org_id"]))
        await self._objects.put(name, _packed(row["answer"], row["probe"]))
        return await self._pool.execute(COOL, {**row, "name": name, "answer": None, "probe": None})

    async def warmed(self, org_id: OrgId, key: str, name: str) -> dict[str, Any] | None:
        """The body of an answer, in its row again; None when it cannot be had now."""
        try:
            content = await self._objects.get(name)
        except Unavailable as error:
            logger.warning("a cold answer cannot be had: %s", error.detail)
            return None
        if content is None:
            return None
        answer, probe = _unpacked(content)
        parameters = {"answer": Jsonb(answer), "probe": probe, "org_id": org_id, "key": key, "name": name}
        async with self._pool.connection() as connection:
            await run(connection, PROMOTE, parameters)
        return answer


def _packed(answer: dict[str, Any], probe: bytes | None) -> bytes:
    body = {"answer": answer, "probe": base64.b64encode(probe).decode() if probe is not None else None}
    return zlib.compress(json.dumps(body, ensure_ascii=False).encode(), level=6)


def _unpacked(content: bytes) -> tuple[dict[str, Any], bytes | None]:
    body = json.loads(zlib.decompress(content))
    return body["answer"], base64.b64decode(body["probe"]) if body["probe"] is not None else None
