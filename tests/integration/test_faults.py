"""What a search depends on dies: there is an answer all the same, and it says what was missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.compaction import Compaction
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.settings import Settings, StoreSettings
from ryorin.contexts.knowledge.commands import MoveIndex
from ryorin.contexts.knowledge.pipeline import IndexSpec
from ryorin.contexts.knowledge.queries import SearchChunks, SearchResult
from ryorin.contexts.operations.queries import GetCommand
from ryorin.kernel.consistency import EVENTUAL, Consistency
from tests.qdrant_http import QdrantHttp, qdrant_http
from tests.steps import ADMIN, put, seen

KILL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ryorin' AND pid <> pg_backend_pid()
"""


async def search(app: App, text: str, demand: Consistency = EVENTUAL) -> SearchResult:
    query = SearchChunks(collection="docs", text=text, variants=("another wording", "and one more"), top_k=2)
    return await app.services.queries.ask(query, ADMIN, demand)


async def test_dead_connections_cost_no_search(app: App, database_url: str) -> None:
    demand = seen(await put(app, "a.md", "Herons eat fish."))
    await search(app, "herons", demand)

    for _ in range(3):
        with psycopg.connect(database_url) as connection:
            killed = connection.execute(KILL).fetchone()
        found = await search(app, "What do herons eat?")
        assert killed is not None and killed[0] >= 2
        assert (found.hits[0].document, found.degraded) == ("a.md", ())


@pytest.fixture
def qdrant() -> Iterator[QdrantHttp]:
    with qdrant_http() as server:
        yield server


@pytest.fixture
async def remote(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine, qdrant: QdrantHttp, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    """A Ryorin with a Qdrant server that is asked even where comparing everything would do."""
    monkeypatch.setattr("ryorin.contexts.knowledge.read.stored_vectors.EXACT_CHUNKS", 0)
    monkeypatch.setattr("ryorin.contexts.knowledge.write.feed_vectors.STORE_PAUSE_SECONDS", 0.2)
    settings = Settings(
        database_url=database_url, data_dir=tmp_path, stores={"qdrant": StoreSettings(url=qdrant.url, timeout=2)}
    )
    async with open_app(settings, engines={"default": engine}) as running:
        yield running


async def test_a_search_survives_its_vector_store_and_sees_writes_meanwhile(remote: App, qdrant: QdrantHttp) -> None:
    for number in range(12):
        await put(remote, f"{number}.md", f"Nothing about number {number} at all.")
    await put(remote, "a.md", "Herons eat fish.")
    receipt = await remote.services.commands.send(MoveIndex(collection="docs", spec=IndexSpec("qdrant")), ADMIN)
    moved = await remote.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)
    there = await search(remote, "What do herons eat?", seen(moved))

    qdrant.down = True
    written = await put(remote, "b.md", "Herons eat frogs too, as we know now.")
    without = await search(remote, "What do herons eat?", seen(written))
    qdrant.down = False
    back = await search(remote, "What do herons eat?", seen(written))
    points = next(iter(qdrant.points.values()))
    while len(points) < 14:
        await asyncio.sleep(0.05)
    fed = await search(remote, "What do herons eat?")

    assert (there.plan, there.degraded) == ("qdrant:hnsw", ())
    assert (without.plan, without.degraded) == ("exact", ("store:qdrant",))
    assert (back.plan, back.degraded) == (fed.plan, fed.degraded) == ("qdrant:hnsw", ())
    for result in (without, back, fed):
        assert {hit.document for hit in result.hits} == {"a.md", "b.md"}


async def test_chunks_of_old_versions_leave_index_and_store(remote: App, qdrant: QdrantHttp) -> None:
    await put(remote, "a.md", "Herons eat fish.")
    receipt = await remote.services.commands.send(MoveIndex(collection="docs", spec=IndexSpec("qdrant")), ADMIN)
    await remote.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)
    await search(remote, "herons", seen(await put(remote, "a.md", "Herons eat frogs.")))
    points = next(iter(qdrant.points.values()))

    compaction = Compaction(remote.base.pool, grace_seconds=0)
    rows = await compaction.compact()
    while len(points) != 1:
        await asyncio.sleep(0.05)

    # the old version's chunk, and the vectors of both that lay in the shared index
    assert rows >= 1
    assert await compaction.compact() == 0
    left = await remote.base.pool.fetch("SELECT text, vector FROM search_chunks")
    assert [(row["text"], row["vector"]) for row in left] == [("Herons eat frogs.", None)]
    assert (await search(remote, "What do herons eat?")).hits[0].text == "Herons eat frogs."
