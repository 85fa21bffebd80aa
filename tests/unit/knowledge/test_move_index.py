"""Moving an index: what is embedded, when it is decided, and what a failure leaves behind."""

from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.commands import CreateCollection, MoveIndex
from ryorin.contexts.knowledge.events import IndexMoved
from ryorin.contexts.knowledge.pipeline import IndexSpec
from ryorin.kernel.commands import CommandRecord
from tests.unit.knowledge.write_side import WriteSide

ELSEWHERE = IndexSpec("qdrant", "other")


async def move(side: WriteSide, spec: IndexSpec = ELSEWHERE) -> CommandRecord:
    receipt = await side.send(MoveIndex(collection="docs", spec=spec))
    await side.work()
    return await side.record(receipt.record.envelope.id)


async def test_a_filled_index_becomes_the_serving_one() -> None:
    side = WriteSide()
    await side.send(CreateCollection(collection="docs"))

    record = await move(side)

    moved = [event for event in await side.happened() if isinstance(event, IndexMoved)]
    assert record.state == "succeeded"
    assert moved == [IndexMoved("docs", record.envelope.id.hex, ELSEWHERE, "other@1", 8)]


async def test_what_the_new_model_has_no_vector_of_is_embedded_by_it() -> None:
    side = WriteSide()
    await side.put("a.md", "# One\n\nA text.")
    indexed = (await side.happened())[-1]
    side.indexes.sets = [indexed.chunk_set]  # type: ignore[attr-defined]

    await move(side)

    assert side.other.given == side.engine.given


async def test_documents_that_come_while_an_index_is_filled_are_embedded_for_both() -> None:
    side = WriteSide()
    await side.send(CreateCollection(collection="docs"))
    await move(side)
    side.indexes.begun.clear()

    await side.put("a.md", "# One\n\nA text.")

    # the collection is served by the other model now, and nothing is being filled
    assert side.other.given and not side.engine.given


async def test_moving_to_where_it_is_decides_nothing() -> None:
    side = WriteSide()
    await side.send(CreateCollection(collection="docs"))

    record = await move(side, IndexSpec())

    assert record.result is not None and record.result["outcome"] == "unchanged"
    assert not side.indexes.begun


@pytest.mark.parametrize(
    ("spec", "reason"),
    [(IndexSpec("qdrant", "none"), "no embedding 'none'"), (IndexSpec("libsql"), "store 'libsql' is not installed")],
)
async def test_what_there_is_not_is_refused(spec: IndexSpec, reason: str) -> None:
    side = WriteSide()
    await side.send(CreateCollection(collection="docs"))

    record = await move(side, spec)

    assert (record.state, reason in str(record.error)) == ("failed", True)


async def test_a_collection_that_is_gone_cannot_move() -> None:
    side = WriteSide()

    record = await move(side)

    assert (record.state, "no collection 'docs'" in str(record.error)) == ("failed", True)
    assert [index.collection for index in side.indexes.abandoned] == ["docs"]
