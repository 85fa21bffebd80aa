from __future__ import annotations

import pytest

from ryorin.contexts.knowledge.commands import DeleteDocument, PutDocument, RestoreDocument, TagDocument
from ryorin.contexts.knowledge.errors import DocumentNotFound, VersionNotFound
from ryorin.contexts.knowledge.events import CollectionCreated, DocumentVersionIndexed
from ryorin.kernel.commands import CommandState
from ryorin.kernel.errors import Forbidden, IdempotencyKeyReused, Unavailable
from ryorin.kernel.messages import Actor
from tests.unit.knowledge.write_side import ORG, WriteSide

TWO_PARTS = "# Lake\n\n## Birds\n\nHerons live here.\n\n## Boats\n\nBoats leave at nine.\n"


async def test_a_new_document_makes_its_collection_and_a_version() -> None:
    side = WriteSide()

    record = await side.put("lake.md", TWO_PARTS, tags=("water",))

    assert record.state is CommandState.SUCCEEDED
    assert record.result is not None
    assert (record.result["outcome"], record.result["version"]) == ("added", 1)
    created, indexed = await side.happened()
    assert isinstance(created, CollectionCreated)
    assert isinstance(indexed, DocumentVersionIndexed)
    assert (indexed.document, indexed.version, indexed.tags) == ("lake.md", 1, ("water",))
    assert record.position == await side.events.head()


async def test_the_same_content_again_is_no_work_at_all() -> None:
    side = WriteSide()
    await side.put("lake.md", TWO_PARTS)
    before, embedded = await side.happened(), len(side.engine.given)

    record = await side.put("lake.md", TWO_PARTS)

    assert record.result is not None
    assert record.result["outcome"] == "unchanged"
    assert (await side.happened(), len(side.engine.given)) == (before, embedded)


async def test_only_the_chunk_that_changed_is_embedded_across_versions_and_documents() -> None:
    side = WriteSide()
    await side.put("lake.md", TWO_PARTS)
    embedded = len(side.engine.given)

    changed = await side.put("lake.md", TWO_PARTS.replace("nine", "ten"))
    copied = await side.put("copy.md", TWO_PARTS)

    assert changed.result is not None and copied.result is not None
    assert (changed.result["outcome"], changed.result["version"]) == ("changed", 2)
    assert len(side.engine.given) == embedded + 1
    assert "ten" in side.engine.given[-1]
    assert copied.result["embedded"] == 0


async def test_a_refused_content_fails_at_once_and_is_never_taken_for_done() -> None:
    side = WriteSide()
    await side.put("lake.md", TWO_PARTS)

    refused = await side.put("lake.md", b"\xff\xfe\xfa")
    again = await side.put("lake.md", b"\xff\xfe\xfa")

    assert (refused.state, refused.attempts) == (CommandState.FAILED, 1)
    assert refused.error == {"code": "unreadable_document", "detail": "lake.md: no UTF-8"}
    assert again.state is CommandState.FAILED
    assert (await side.put("lake.md", TWO_PARTS)).result["outcome"] == "unchanged"  # type: ignore[index]


async def test_a_passing_failure_is_retried_with_growing_pauses_and_then_is_a_dead_letter() -> None:
    side = WriteSide()
    side.engine.broken = Unavailable("the engine is away")
    command_id = await side.accept("lake.md", TWO_PARTS)

    pauses = []
    for _ in range(5):
        await side.work()
        record = await side.record(command_id)
        if record.next_attempt_at is not None:
            pauses.append((record.next_attempt_at - side.clock.now()).total_seconds())
            side.pass_time(pauses[-1])

    assert pauses == [1.0, 2.0, 4.0, 8.0]
    assert (record.state, record.attempts, record.ended) == (CommandState.DEAD, 5, True)
    side.engine.broken = None
    await side.log.requeue(ORG, command_id)
    await side.work()
    assert (await side.record(command_id)).state is CommandState.SUCCEEDED


async def test_an_older_command_never_overwrites_a_younger_one() -> None:
    side = WriteSide()
    side.engine.broken = Unavailable("the engine is away")
    older = await side.accept("lake.md", "# Lake\n\nOld.\n")
    await side.work()
    side.engine.broken = None

    younger = await side.put("lake.md", "# Lake\n\nNew.\n")
    side.pass_time(60)
    await side.work()

    late = await side.record(older)
    assert late.result is not None and younger.result is not None
    assert (younger.result["version"], late.result["outcome"]) == (1, "superseded")
    versions = [event for event in await side.happened() if isinstance(event, DocumentVersionIndexed)]
    assert len(versions) == 1


async def test_what_a_wiped_broker_forgot_is_swept_up() -> None:
    side = WriteSide()
    command_id = await side.accept("lake.md", TWO_PARTS)
    side.queue.lose_everything()

    swept = await side.log.sweep()
    await side.work()

    assert swept == [command_id]
    assert (await side.record(command_id)).state is CommandState.SUCCEEDED


async def test_a_vanished_workers_command_is_free_after_its_lease_and_counts_one_attempt() -> None:
    side = WriteSide()
    command_id = await side.accept("lake.md", TWO_PARTS)
    side.queue.lose_everything()
    assert await side.log.lease(PutDocument.queue) is not None  # and the worker dies
    assert await side.log.sweep() == []

    side.pass_time(21)
    await side.log.sweep()
    await side.work()

    record = await side.record(command_id)
    assert (record.state, record.attempts) == (CommandState.SUCCEEDED, 1)


async def test_a_key_gives_the_first_command_again_and_refuses_another_body() -> None:
    side = WriteSide()
    first = await side.accept("lake.md", TWO_PARTS, key="k")
    await side.work()

    assert await side.accept("lake.md", TWO_PARTS, key="k") == first
    with pytest.raises(IdempotencyKeyReused, match="'k'"):
        await side.accept("lake.md", "# Other\n\nText.\n", key="k")


async def test_an_older_version_comes_back_without_parsing_or_embedding() -> None:
    side = WriteSide()
    await side.put("lake.md", "# Lake\n\nOld.\n")
    await side.put("lake.md", "# Lake\n\nNew.\n")
    embedded = len(side.engine.given)

    receipt = await side.send(RestoreDocument(collection="docs", document="lake.md", version=1))

    assert receipt.record.result is not None
    assert (receipt.record.result["outcome"], receipt.record.result["version"]) == ("restored", 3)
    assert len(side.engine.given) == embedded
    with pytest.raises(VersionNotFound):
        await side.send(RestoreDocument(collection="docs", document="lake.md", version=9))


async def test_what_is_not_there_cannot_be_tagged_or_deleted_and_leaves_no_trace() -> None:
    side = WriteSide()
    await side.put("lake.md", TWO_PARTS)
    before = await side.happened()

    for command in (
        TagDocument(collection="docs", document="none.md", add=("a",)),
        DeleteDocument(collection="docs", document="none.md"),
    ):
        with pytest.raises(DocumentNotFound, match=r"none\.md"):
            await side.send(command)

    assert await side.happened() == before


async def test_who_lacks_the_scope_is_refused_by_the_bus() -> None:
    side = WriteSide()
    reader = Actor(ORG, "reader", frozenset({"knowledge:read"}))

    with pytest.raises(Forbidden, match="knowledge:write"):
        await side.bus.send(DeleteDocument(collection="docs", document="a"), reader)

    assert await side.happened() == []
