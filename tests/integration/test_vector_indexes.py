"""Collections on stores of their own: a committed change reaches every search, whatever the store does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.knowledge.commands import ConfigureCollection, DeleteDocument, MoveIndex, RestoreDocument
from ryorin.contexts.knowledge.pipeline import AnswerStage, IndexSpec, Pipeline, RerankStage, RetrieveStage, StoreName
from ryorin.contexts.knowledge.queries import GetCollection, SearchChunks, SearchResult
from ryorin.contexts.operations.commands import RebuildProjection
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import InvalidInput
from tests.steps import ADMIN, ask, put, seen

SPECS = [
    IndexSpec("pgvector", "default", "binary"),
    IndexSpec("pgvector", "trigrams"),
    IndexSpec("qdrant"),
    IndexSpec("qdrant", "trigrams"),
    IndexSpec("libsql"),
]


@dataclass
class Trigrams:
    """Another embedding model: hashed trigrams in 96 dimensions, as good as it needs to be."""

    model_id: str = "trigrams@1"
    dimensions: int = 96
    centre: None = None
    embedded: list[str] = field(default_factory=list)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.stack([self._vector(text) for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.full(96, 1e-3, dtype=np.float32)
        for start in range(len(text) - 2):
            place = int.from_bytes(hashlib.blake2b(text[start : start + 3].encode(), digest_size=4).digest(), "big")
            vector[place % 96] += 1
        unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
        return unit

    def count_tokens(self, text: str) -> int:
        return len(text) // 3


@pytest.fixture
async def app(database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[App]:
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    async with open_app(settings, engines={"default": engine, "trigrams": Trigrams()}) as running:
        yield running


async def move(app: App, spec: IndexSpec) -> CommandView:
    receipt = await app.services.commands.send(MoveIndex(collection="docs", spec=spec), ADMIN)
    return await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)


async def search(app: App, text: str, demand: Consistency = EVENTUAL) -> SearchResult:
    query = SearchChunks(collection="docs", text=text, mode="vector", top_k=3)
    return await app.services.queries.ask(query, ADMIN, demand)


async def fill(app: App) -> CommandView:
    texts = {"a.md": "Herons eat fish.", "b.md": "The library opens at nine.", "c.md": "図書館は月曜日に休みます。"}
    return [await put(app, name, f"{text}\n") for name, text in texts.items()][-1]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.store}-{spec.embedding}-{spec.storage}")
async def test_a_moved_collection_sees_every_change(app: App, spec: IndexSpec) -> None:
    last = await fill(app)
    before = await search(app, "What do herons eat?", seen(last))

    moved = await move(app, spec)
    found = await search(app, "What do herons eat?", seen(moved))
    changed = await put(app, "a.md", "Herons eat frogs.\n")
    after = await search(app, "What do herons eat?", seen(changed))
    deleted = await app.services.commands.send(DeleteDocument(collection="docs", document="a.md"), ADMIN)
    without = await search(app, "What do herons eat?", Consistency(deleted.record.position, 20))

    assert before.hits[0].text == found.hits[0].text == "Herons eat fish."
    assert after.hits[0].text == "Herons eat frogs."
    assert [hit.document for hit in without.hits if hit.document == "a.md"] == []
    assert (moved.result or {})["outcome"] == "moved"
    assert found.degraded == after.degraded == without.degraded == ()


async def test_moving_to_where_it_is_changes_nothing(app: App) -> None:
    await fill(app)
    first = await move(app, IndexSpec())
    await move(app, IndexSpec("qdrant"))
    again = await move(app, IndexSpec("qdrant"))

    assert first.result is not None and again.result is not None
    assert (first.result["outcome"], again.result["outcome"]) == ("unchanged", "unchanged")


async def test_there_and_back_again(app: App) -> None:
    await fill(app)
    await move(app, IndexSpec("qdrant", "trigrams"))
    added = await put(app, "d.md", "Owls hunt at night.\n")
    elsewhere = await search(app, "Owls hunt at night", seen(added))
    back = await move(app, IndexSpec())
    home = await search(app, "When do owls hunt?", seen(back))
    view = await app.services.queries.ask(GetCollection(collection="docs"), ADMIN, seen(back))

    assert elsewhere.hits[0].document == home.hits[0].document == "d.md"
    # the document that came while the collection was away was embedded for the way back
    assert (back.result or {})["embedded"] == 1
    assert home.degraded == ()
    assert view.index == IndexSpec()


@pytest.mark.parametrize("store", ["pgvector", "qdrant", "libsql"])
async def test_a_new_generation_serves_the_moved_collection(
    app: App, store: StoreName, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the store is asked even where comparing everything would do
    monkeypatch.setattr("ryorin.contexts.knowledge.read.stored_vectors.EXACT_CHUNKS", 0)
    await fill(app)
    await move(app, IndexSpec(store, "trigrams"))
    await put(app, "d.md", "Owls hunt at night.\n")
    rebuilt = await app.services.commands.send(RebuildProjection(projection="knowledge.search"), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=rebuilt.record.envelope.id, wait_seconds=60), ADMIN)

    found = await search(app, "Owls hunt at night")

    assert view.state == "succeeded", view.error
    assert (found.hits[0].document, found.degraded, found.plan) == ("d.md", (), f"{store}:hnsw")


async def test_an_old_version_that_comes_back_gets_its_vectors(app: App) -> None:
    await fill(app)
    await put(app, "a.md", "Something else entirely.\n")
    await move(app, IndexSpec("pgvector", "trigrams"))

    restored = await app.services.commands.send(RestoreDocument(collection="docs", document="a.md", version=1), ADMIN)
    demand = Consistency(restored.record.position, 20)
    found = await search(app, "Herons eat fish.", demand)
    while found.degraded:
        # its passages have no vector of the new model yet, and the search says so until they have
        assert found.degraded == ("index:behind",)
        await asyncio.sleep(0.05)
        found = await search(app, "Herons eat fish.", demand)

    assert found.hits[0].text == "Herons eat fish."


async def test_cached_answers_follow_changes_in_a_moved_collection(app: App) -> None:
    await fill(app)
    moved = await move(app, IndexSpec("qdrant", "trigrams"))
    await ask(app, "What do herons eat?", seen(moved))
    cached = await ask(app, "What do herons eat?")
    changed = await put(app, "a.md", "Herons eat frogs.\n")
    fresh = await ask(app, "What do herons eat?", seen(changed))

    assert cached.cache == "l1"
    assert (fresh.cache, "frogs" in fresh.text) == ("miss", True)


async def test_after_a_move_answers_are_given_again_only_if_the_new_index_finds_the_same(app: App) -> None:
    last = await fill(app)
    first = await ask(app, "What do herons eat?", seen(last))
    moved = await move(app, IndexSpec("libsql"))
    again = await ask(app, "What do herons eat?", seen(moved))

    assert (again.cache, again.id) == ("revalidated", first.id)


async def test_an_unknown_embedding_is_refused_by_name(app: App) -> None:
    await fill(app)

    refused = await move(app, IndexSpec("qdrant", "nonesuch"))

    assert refused.state == "failed"
    assert "there is no embedding 'nonesuch'; there are default, trigrams" in str(refused.error)


async def test_a_collection_has_its_own_stages(app: App) -> None:
    last = await fill(app)
    pipeline = Pipeline(RetrieveStage(expand=True), rerank=RerankStage(by="none"), answer=AnswerStage(top_k=2))
    receipt = await app.services.commands.send(ConfigureCollection(collection="docs", pipeline=pipeline), ADMIN)
    assert seen(last)
    demand = Consistency(receipt.record.position, 20)

    result = await app.services.queries.ask(SearchChunks(collection="docs", text="library"), ADMIN, demand)
    asked = SearchChunks(collection="docs", text="library", top_k=3, rerank="features")
    own = await app.services.queries.ask(asked, ADMIN, demand)

    assert (len(result.hits), result.reranked) == (2, {})
    assert len(own.hits) == len(own.reranked) == 3
    view = await app.services.queries.ask(GetCollection(collection="docs"), ADMIN, demand)
    assert view.pipeline == pipeline
    with pytest.raises(InvalidInput, match="there is no reranker 'nonesuch'; there are features, none"):
        wrong = Pipeline(rerank=RerankStage(by="nonesuch"))
        await app.services.commands.send(ConfigureCollection(collection="docs", pipeline=wrong), ADMIN)
