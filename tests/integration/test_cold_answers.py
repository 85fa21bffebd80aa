"""Answers whose bodies lie in object storage: in a folder, and behind S3's interface over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ryorin.adapters.local.system import SystemClock
from ryorin.adapters.objects.store import Objects, open_store
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.cold_answers import ColdAnswers
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.settings import CacheSettings, ObjectSettings, Settings
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import InvalidInput, Unavailable
from tests.bucket import Bucket
from tests.steps import ask, put, seen

OFFICE = "# Office\n\nThe Tokyo office opens at nine.\n"
QUESTION = "When does the Tokyo office open?"


@pytest.fixture(params=["file", "s3"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> Iterator[str]:
    yield "s3://shelf/ryorin" if request.param == "s3" else (tmp_path / "objects").as_uri()


@asynccontextmanager
async def opened(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine, url: str, bucket: Bucket
) -> AsyncIterator[App]:
    cache = CacheSettings(cold_after_seconds=0.001, l1_ttl_seconds=0.001)
    objects = ObjectSettings(url=url, endpoint=bucket.endpoint)
    settings = Settings(database_url=database_url, data_dir=tmp_path, cache=cache, objects=objects)
    async with open_app(settings, engines={"default": engine}) as app:
        yield app


def tier(app: App, url: str, bucket: Bucket) -> ColdAnswers:
    """The cold tier, to be moved by hand."""
    return ColdAnswers(app.base.pool, Objects(open_store(url, bucket.endpoint), CircuitBreaker(app.base.clock)), 0.001)


async def cold(app: App) -> int:
    rows = await app.base.pool.fetch("SELECT count(*) AS n FROM answers WHERE cold IS NOT NULL AND probe IS NULL")
    count: int = rows[0]["n"]
    return count


async def cooled(app: App, url: str, bucket: Bucket) -> None:
    """Return when no answer is warm, whoever moved it."""
    async with asyncio.timeout(20):
        while not await cold(app):
            await tier(app, url, bucket).cool()


async def test_a_cold_answer_is_given_and_is_warm_again(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine, store_url: str, bucket: Bucket
) -> None:
    async with opened(database_url, tmp_path, engine, store_url, bucket) as app:
        made = await ask(app, QUESTION, seen(await put(app, "office.md", OFFICE)))
        await cooled(app, store_url, bucket)

        given = await ask(app, QUESTION)

        assert (given.cache, given.id, given.text, given.citations) == ("l2", made.id, made.text, made.citations)
        assert await cold(app) == 0
        await cooled(app, store_url, bucket)
        changed = await put(app, "office.md", OFFICE.replace("nine", "ten"))
        assert "at ten" in (await ask(app, QUESTION, seen(changed))).text
        assert bucket.signed


async def test_objects_that_no_answer_names_are_dropped(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine, store_url: str, bucket: Bucket
) -> None:
    async with opened(database_url, tmp_path, engine, store_url, bucket) as app:
        await ask(app, QUESTION, seen(await put(app, "office.md", OFFICE)))
        await cooled(app, store_url, bucket)
        changed = await put(app, "office.md", OFFICE.replace("nine", "ten"))
        await ask(app, QUESTION, seen(changed))
        # as if ten minutes had gone by
        await app.base.pool.execute("UPDATE cold_objects SET noted_at = now() - interval '1 hour'")
        await tier(app, store_url, bucket).cool()

        named = await app.base.pool.fetch("SELECT count(*) AS n FROM answers WHERE cold IS NOT NULL")
        kept = [path for path in (tmp_path / "objects" / "answers").rglob("*") if path.is_file()]
        kept_there = [name for name in bucket.objects if "/answers/" in name]
        assert len(kept) + len(kept_there) == named[0]["n"]


async def test_without_the_store_a_cold_answer_is_made_again(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine, bucket: Bucket
) -> None:
    async with opened(database_url, tmp_path, engine, "s3://shelf", bucket) as app:
        made = await ask(app, QUESTION, seen(await put(app, "office.md", OFFICE)))
        await cooled(app, "s3://shelf", bucket)
        bucket.down = True

        again = await ask(app, QUESTION)
        with pytest.raises(Unavailable, match="object store"):
            await Objects(open_store("s3://shelf", bucket.endpoint), CircuitBreaker(app.base.clock)).put("x", b"x")

        assert (again.cache, again.text) == ("miss", made.text)


async def test_a_store_that_fails_is_left_alone_for_a_while(bucket: Bucket) -> None:
    bucket.down = True
    objects = Objects(open_store("s3://shelf", bucket.endpoint), CircuitBreaker(SystemClock(), failures=1))

    with pytest.raises(Unavailable):
        await objects.get("x")
    asked = bucket.asked
    with pytest.raises(Unavailable, match="failed lately"):
        await objects.put("x", b"x")
    bucket.down = False
    await asyncio.sleep(0)

    assert (bucket.asked, bucket.objects) == (asked, {})


@pytest.mark.parametrize("url", ["", "ftp://a/b", "s3://", "file:", "https://a/b", "file:///proc/nowhere"])
def test_what_is_no_object_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="object store"):
        open_store(url)
