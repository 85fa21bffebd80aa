"""Commands and projections on the real stack: idempotency, sweeping, rebuilding."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from ryorin.adapters.memory.knowledge import MemoryBlobStore
from ryorin.adapters.postgres.erasure import Remains
from ryorin.adapters.postgres.pool import Pool
from ryorin.bootstrap.app import App, Role, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.knowledge.commands import CreateCollection, PutDocument
from ryorin.contexts.knowledge.queries import ListCollections, SearchChunks
from ryorin.contexts.operations.commands import DiscardCommand, RebuildProjection, RetryCommand
from ryorin.contexts.operations.queries import GetCommand, ListCommands, ListProjections
from ryorin.kernel.commands import CommandState
from ryorin.kernel.consistency import Consistency
from ryorin.kernel.errors import Conflict, Forbidden, IdempotencyKeyReused, InvalidInput, NotFound
from tests.steps import ADMIN, ask, put, seen


async def test_the_same_key_and_body_give_the_first_result_again(app: App) -> None:
    send = app.services.commands.send
    first = await send(CreateCollection(collection="a"), ADMIN, idempotency_key="k1")

    again = await send(CreateCollection(collection="a"), ADMIN, idempotency_key="k1")

    assert again.replayed
    assert again.record.envelope.id == first.record.envelope.id
    assert again.record.result == {"collection": "a", "created": True}
    with pytest.raises(IdempotencyKeyReused):
        await send(CreateCollection(collection="b"), ADMIN, idempotency_key="k1")


async def test_many_at_once_under_one_key_are_one_command(app: App) -> None:
    send = app.services.commands.send

    receipts = await asyncio.gather(
        *(send(CreateCollection(collection="a"), ADMIN, idempotency_key="k") for _ in range(12))
    )

    assert len({receipt.record.envelope.id for receipt in receipts}) == 1
    collections = await app.services.queries.ask(ListCollections(), ADMIN, Consistency(receipts[0].record.position))
    assert [view.collection for view in collections] == ["a"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 501, "a\x00b", "a\nb"])
async def test_names_that_cannot_be_stored_are_refused(app: App, name: str) -> None:
    with pytest.raises(InvalidInput):
        await app.services.commands.send(CreateCollection(collection=name), ADMIN)


async def test_a_command_without_its_content_fails_and_can_be_retried_and_discarded(app: App) -> None:
    command = PutDocument(collection="docs", document="a.md", content_hash="0" * 64, size_bytes=1, filename="a.md")
    receipt = await app.services.commands.send(command, ADMIN)
    command_id = receipt.record.envelope.id
    ask_, send = app.services.queries.ask, app.services.commands.send
    failed = await ask_(GetCommand(id=command_id, wait_seconds=20), ADMIN)
    assert (failed.state, failed.ended) == ("failed", True)

    await send(RetryCommand(id=command_id), ADMIN)
    again = await ask_(GetCommand(id=command_id, wait_seconds=20), ADMIN)
    await send(DiscardCommand(id=command_id), ADMIN)

    assert again.state == "failed"
    assert (await ask_(GetCommand(id=command_id), ADMIN)).state == "cancelled"
    listed = await ask_(ListCommands(state=CommandState.CANCELLED), ADMIN)
    assert [view.id for view in listed] == [str(command_id)]
    with pytest.raises(Conflict):
        await send(DiscardCommand(id=command_id), ADMIN)
    with pytest.raises(NotFound):
        await send(RetryCommand(id=uuid4()), ADMIN)


async def test_commands_whose_jobs_are_lost_are_swept_up(database_url: str, tmp_path, engine) -> None:  # type: ignore[no-untyped-def]
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    async with open_app(settings, frozenset({Role.PROJECTIONS}), {"default": engine}) as idle:
        receipt = await put_without_waiting(idle)
        await idle.base.pool.execute("DELETE FROM procrastinate_jobs")

    async with open_app(settings, engines={"default": engine}) as working:
        view = await working.services.queries.ask(GetCommand(id=receipt, wait_seconds=30), ADMIN)

    assert view.state == "succeeded"


async def put_without_waiting(app: App):  # type: ignore[no-untyped-def]  # the command's id
    async def pieces():  # type: ignore[no-untyped-def]
        yield b"# T\n\ntext\n"

    stored = await app.services.upload(ADMIN, pieces())
    command = PutDocument(
        collection="docs",
        document="a.md",
        content_hash=stored.content_hash,
        size_bytes=stored.size_bytes,
        filename="a.md",
    )
    return (await app.services.commands.send(command, ADMIN)).record.envelope.id


@pytest.mark.parametrize("name", ["knowledge.search", "knowledge.documents", "identity.keys", "answers.freshness"])
async def test_a_rebuilt_projection_serves_the_same_from_a_new_generation(app: App, name: str) -> None:
    for number in range(5):
        last = await put(app, f"{number}.md", f"# T{number}\n\nText {number} about herons.\n")
    search = SearchChunks(collection="docs", text="herons", top_k=5)
    before = await app.services.queries.ask(search, ADMIN, seen(last))

    receipt = await app.services.commands.send(RebuildProjection(projection=name), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)

    assert view.result == {"target": name, "state": "generation 2"}
    after = await app.services.queries.ask(search, ADMIN)
    assert {hit.document for hit in after.hits} == {hit.document for hit in before.hits}
    statuses = await app.services.queries.ask(ListProjections(), ADMIN)
    assert [(one.generation, one.state) for one in statuses if one.name == name] == [(1, "retired"), (2, "active")]
    changed = await put(app, "0.md", "# T0\n\nAll new text about parrots.\n")
    answer = await ask(app, "Which text is about parrots?", seen(changed))
    assert "parrots" in answer.text


async def test_who_is_no_superuser_of_the_database_cannot_scrub_and_is_told_so(app: App) -> None:
    async with app.base.pool.connection() as connection:
        name = f"plain_{uuid4().hex}"
        await connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        await connection.execute(f"GRANT ALL ON SCHEMA public TO {name}".encode())
        await connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}".encode())
    pool = Pool(app.base.pool.url.replace("postgres:@", f"{name}:@"), 2)
    await pool.open()
    try:
        with pytest.raises(Forbidden, match="superuser"):
            await Remains(pool, MemoryBlobStore(), 1).scrub()
    finally:
        await pool.close()
