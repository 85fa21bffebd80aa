"""What every event store, command log and transaction must do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ryorin.adapters.local.system import TimeOrderedIds
from ryorin.contexts.knowledge.commands import CollectionChanged, CreateCollection, DeleteDocument
from ryorin.contexts.knowledge.domain.collection import Collection
from ryorin.contexts.knowledge.events import CollectionCreated
from ryorin.kernel.commands import CommandFilter, CommandState, Envelope, Failure
from ryorin.kernel.errors import ConcurrencyConflict, Conflict, LeaseLost, NotFound
from ryorin.kernel.events import BEGINNING
from ryorin.kernel.messages import Actor, Command, CommandId, OrgId, Scope
from tests.contract.conftest import Spine

ORG, OTHER = OrgId("a"), OrgId("b")
ACTOR = Actor(ORG, "someone", frozenset({Scope.ADMIN}))
QUEUE = CreateCollection.queue
DONE = CollectionChanged("docs", True)


def sent(command: Command | None = None, key: str | None = None) -> Envelope:
    command_id = CommandId(TimeOrderedIds().new())
    return Envelope(command_id, command or CreateCollection(collection="docs"), ACTOR, key, str(command_id))


async def created(spine: Spine, name: str) -> Envelope:
    envelope = sent(CreateCollection(collection=name))
    async with spine.transactions.begin(envelope) as work:
        record = await work.accept_running(envelope)
        collection = await work.load(Collection(ORG, name))
        collection.create("")
        await work.save(collection)
        await work.succeed(record, DONE)
    return envelope


async def test_events_and_the_commands_end_are_kept_together(spine: Spine) -> None:
    envelope = await created(spine, "docs")

    record = await spine.log.get(ORG, envelope.id)
    stream = await spine.events.read_stream(Collection(ORG, "docs").stream)

    assert record is not None
    assert (record.state, record.ended, record.attempts) == (CommandState.SUCCEEDED, True, 1)
    assert record.result == {"collection": "docs", "created": True}
    assert [(one.version, one.event) for one in stream] == [(1, CollectionCreated("docs", 1, ""))]
    assert record.position == stream[0].position
    assert stream[0].metadata.causation_id == str(envelope.id)


async def test_nothing_is_kept_of_a_transaction_that_raises(spine: Spine) -> None:
    envelope = sent()
    with pytest.raises(ZeroDivisionError):
        async with spine.transactions.begin(envelope) as work:
            await work.accept_running(envelope)
            collection = await work.load(Collection(ORG, "docs"))
            collection.create("")
            await work.save(collection)
            raise ZeroDivisionError

    assert await spine.events.read_stream(Collection(ORG, "docs").stream) == []
    assert await spine.log.get(ORG, envelope.id) is None


async def test_the_second_of_two_writers_must_decide_again(spine: Spine) -> None:
    envelope = sent()
    with pytest.raises(ConcurrencyConflict):
        async with spine.transactions.begin(envelope) as work:
            collection = await work.load(Collection(ORG, "docs"))
            await created(spine, "docs")
            collection.create("")
            await work.save(collection)

    assert len(await spine.events.read_stream(Collection(ORG, "docs").stream)) == 1


async def test_readers_go_through_the_log_in_one_order(spine: Spine) -> None:
    for name in "cab":
        await created(spine, name)

    first = await spine.events.read_all(BEGINNING, 2)
    rest = await spine.events.read_all(first[-1].position, 10)

    assert [one.stream.id for one in [*first, *rest]] == ["c", "a", "b"]
    assert await spine.events.head() == rest[-1].position
    assert await spine.events.read_all(rest[-1].position, 10) == []


async def test_who_waits_for_events_is_woken_by_one(spine: Spine) -> None:
    async with asyncio.timeout(20):
        while await spine.events.head() == BEGINNING:
            waiting = asyncio.create_task(spine.events.wait(BEGINNING, 0.5))
            await created(spine, "docs")
            await waiting


async def test_an_accepted_command_is_leased_once(spine: Spine) -> None:
    envelope = sent()
    await spine.log.accept(envelope)

    taken, again = await spine.log.lease(QUEUE), await spine.log.lease(QUEUE)

    assert await spine.queue.depth() == {QUEUE: 1}
    assert taken is not None
    assert (taken.state, taken.attempts, again) == (CommandState.RUNNING, 1, None)


async def test_whoever_sends_many_waits_for_the_others(spine: Spine) -> None:
    theirs = Actor(OTHER, "someone else", frozenset({Scope.ADMIN}))
    many = [sent(DeleteDocument(collection="docs", document=str(number))) for number in range(5)]
    for envelope in many:
        await spine.log.accept(envelope)
    one = replace(sent(DeleteDocument(collection="docs", document="only")), actor=theirs)
    await spine.log.accept(one)

    turns = [await spine.log.lease(DeleteDocument.queue) for _ in range(7)]

    taken = [record.envelope.id for record in turns if record is not None]
    assert taken == [many[0].id, one.id, *(envelope.id for envelope in many[1:])]
    assert turns[-1] is None
    assert await spine.log.lease("train") is None


async def test_workers_that_come_at_once_take_different_commands(spine: Spine) -> None:
    sent_ids = {(await spine.log.accept(sent())).envelope.id for _ in range(20)}

    leased = await asyncio.gather(*(spine.log.lease(QUEUE) for _ in range(30)))
    # two that look at the same moment may each think that the other takes the last
    left = [await spine.log.lease(QUEUE) for _ in range(20)]

    taken = [record.envelope.id for record in [*leased, *left] if record is not None]
    assert sorted(taken) == sorted(sent_ids)


async def test_a_failed_attempt_comes_back_when_it_is_due(spine: Spine) -> None:
    envelope = sent()
    await spine.log.accept(envelope)
    for seconds, state in ((60, None), (-60, CommandState.RUNNING)):
        record = await spine.log.lease(QUEUE)
        if record is None:
            await spine.log.discard(ORG, envelope.id)
            await spine.log.requeue(ORG, envelope.id)
            record = await spine.log.lease(QUEUE)
        assert record is not None
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        async with spine.transactions.begin(envelope) as work:
            await work.fail(record, Failure(CommandState.FAILED, "unavailable", "later", due))

        again = await spine.log.lease(QUEUE)

        assert (again.state if again else None) == state


async def test_who_lost_the_lease_changes_nothing(spine: Spine) -> None:
    envelope = sent()
    await spine.log.accept(envelope)
    mine = await spine.log.lease(QUEUE)
    assert mine is not None
    async with spine.transactions.begin(envelope) as work:
        await work.fail(mine, Failure(CommandState.DEAD, "internal_error", "broken"))

    with pytest.raises(LeaseLost):
        async with spine.transactions.begin(envelope) as work:
            await work.succeed(mine, DONE)
    with pytest.raises(LeaseLost):
        await spine.log.extend(mine)

    record = await spine.log.get(ORG, envelope.id)
    assert record is not None
    assert (record.state, record.error) == (CommandState.DEAD, {"code": "internal_error", "detail": "broken"})


async def test_a_key_belongs_to_one_command(spine: Spine) -> None:
    first = sent(key="k")
    await spine.log.accept(first)

    with pytest.raises(Conflict, match="'k'"):
        await spine.log.accept(sent(DeleteDocument(collection="docs", document="a"), key="k"))

    found = await spine.log.find_by_key(ORG, "k")
    assert found is not None
    assert (found[0].envelope.id, found[1]) == (first.id, first.body_hash)
    assert await spine.log.find_by_key(OTHER, "k") is None


async def test_another_organisation_sees_and_changes_nothing(spine: Spine) -> None:
    envelope = sent()
    await spine.log.accept(envelope)

    assert await spine.log.get(OTHER, envelope.id) is None
    assert await spine.log.list(OTHER, CommandFilter()) == []
    with pytest.raises(NotFound):
        await spine.log.discard(OTHER, envelope.id)


async def test_only_what_ended_badly_is_retried_and_only_what_waits_is_discarded(spine: Spine) -> None:
    done = await created(spine, "docs")
    waiting = sent()
    await spine.log.accept(waiting)

    with pytest.raises(Conflict, match="succeeded and cannot be retried"):
        await spine.log.requeue(ORG, done.id)
    with pytest.raises(Conflict, match="succeeded and cannot be discarded"):
        await spine.log.discard(ORG, done.id)
    with pytest.raises(NotFound):
        await spine.log.requeue(ORG, CommandId(uuid4()))
    await spine.log.discard(ORG, waiting.id)

    cancelled = await spine.log.list(ORG, CommandFilter(state=CommandState.CANCELLED))
    assert [record.envelope.id for record in cancelled] == [waiting.id]
    assert [record.envelope.id for record in await spine.log.list(ORG, CommandFilter())] == [waiting.id, done.id]


async def test_the_end_of_a_command_is_waited_for(spine: Spine) -> None:
    envelope = sent()
    await spine.log.accept(envelope)
    early = await spine.log.wait_ended(ORG, envelope.id, 0)
    assert early is not None
    assert not early.ended

    waiting = asyncio.create_task(spine.log.wait_ended(ORG, envelope.id, 20))
    await spine.log.discard(ORG, envelope.id)
    ended = await waiting

    assert ended is not None
    assert ended.ended


async def test_a_command_is_tried_again_with_what_was_changed_and_its_key_means_what_was_sent(spine: Spine) -> None:
    envelope = sent(CreateCollection(collection="dosc"), key="k")
    await spine.log.accept(envelope)
    await spine.log.discard(ORG, envelope.id)

    again = await spine.log.requeue(ORG, envelope.id, CreateCollection(collection="docs"))
    taken, found = await spine.log.lease(QUEUE), await spine.log.find_by_key(ORG, "k")

    assert again.envelope.command == CreateCollection(collection="docs")
    assert taken is not None and taken.envelope.command == CreateCollection(collection="docs")
    assert found is not None and found[1] == envelope.body_hash
    with pytest.raises(Conflict):
        await spine.log.requeue(ORG, envelope.id, CreateCollection(collection="other"))
    kept = await spine.log.get(ORG, envelope.id)
    assert kept is not None and kept.envelope.command == CreateCollection(collection="docs")


async def test_many_aggregates_are_loaded_and_saved_together_or_not_at_all(spine: Spine) -> None:
    first = [Collection(ORG, name) for name in ("b", "a", "c")]
    for collection in first:
        collection.create(collection.name)
    first[0].describe("twice")
    async with spine.transactions.begin(sent()) as transaction:
        await transaction.save_all(first)

    outdated = [Collection(ORG, "d"), Collection(ORG, "a")]
    for collection in outdated:
        collection.create("too late")
    with pytest.raises(ConcurrencyConflict):
        async with spine.transactions.begin(sent()) as transaction:
            await transaction.save_all(outdated)

    async with spine.transactions.begin(sent()) as transaction:
        loaded = await transaction.load_all([Collection(ORG, name) for name in ("a", "b", "c", "d")])
        assert [(one.exists, one.description) for one in loaded] == [
            (True, "a"),
            (True, "twice"),
            (True, "c"),
            (False, ""),
        ]
        await transaction.save_all(loaded)
    happened = await spine.events.read_all(BEGINNING, 100)
    assert [recorded.stream.id for recorded in happened] == ["b", "b", "a", "c"]
