"""Old and new processes on one database, and commands that take their workers down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.command_log import MAX_INTERRUPTIONS, SUSPECT_INTERRUPTIONS
from ryorin.adapters.postgres.migrate import migrate, newest
from ryorin.adapters.postgres.projections import PostgresProjectionStore, Schema
from ryorin.bootstrap.app import App, Role, open_app
from ryorin.bootstrap.settings import Settings
from ryorin.contexts.knowledge.commands import DeleteDocument, PutDocument
from ryorin.contexts.knowledge.queries import SearchChunks
from ryorin.contexts.operations.queries import GetCommand
from ryorin.kernel.commands import CommandRecord
from ryorin.kernel.errors import NewerVersion
from tests.steps import ADMIN, put, seen

QUEUE = PutDocument.queue


@pytest.fixture
async def idle(database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[App]:
    """A Ryorin in which nobody works."""
    async with open_app(
        Settings(database_url=database_url, data_dir=tmp_path), frozenset(), {"default": engine}
    ) as app:
        yield app


async def accepted(app: App, document: str) -> CommandRecord:
    command = PutDocument(collection="docs", document=document, content_hash="0" * 64, size_bytes=1, filename=document)
    return (await app.services.commands.send(command, ADMIN)).record


async def vanish(app: App, record: CommandRecord) -> None:
    """Its worker ends without a word, and its lease with it."""
    await app.base.pool.execute(
        "UPDATE commands SET lease_expires_at = now() - interval '1 s' WHERE id = %s", (record.envelope.id,)
    )


async def test_commands_of_a_newer_version_are_left_to_its_workers(idle: App) -> None:
    record = await accepted(idle, "a.md")
    pool = idle.base.pool
    await pool.execute("UPDATE commands SET name = 'knowledge.from_the_future' WHERE id = %s", (record.envelope.id,))

    assert await idle.base.log.lease(QUEUE) is None
    row = await pool.fetch_one("SELECT state, attempts FROM commands WHERE id = %s", (record.envelope.id,))
    assert row == {"state": "accepted", "attempts": 0}
    other = await accepted(idle, "b.md")
    taken = await idle.base.log.lease(QUEUE)
    assert taken is not None
    assert taken.envelope.id == other.envelope.id


async def test_a_command_on_what_a_newer_version_wrote_is_tried_again_and_not_lost(app: App) -> None:
    await put(app, "a.md", "# A\n\nText.\n")
    stream = "document/docs@1/a.md"
    await app.base.pool.execute(
        "INSERT INTO events (org_id, stream_type, stream_id, version, type, schema_version, data, metadata)"
        " SELECT org_id, stream_type, stream_id, version + 1, 'knowledge.document_from_the_future', 1, '{}', metadata"
        " FROM events WHERE stream_id = %s",
        (stream,),
    )

    with pytest.raises(NewerVersion):
        await app.services.commands.send(DeleteDocument(collection="docs", document="a.md"), ADMIN)
    content = PutDocument(collection="docs", document="a.md", content_hash="0" * 64, size_bytes=1, filename="a.md")
    waiting = (await app.services.commands.send(content, ADMIN)).record
    async with asyncio.timeout(20):
        while (view := await app.services.queries.ask(GetCommand(id=waiting.envelope.id), ADMIN)).attempts == 0 or (
            view.state == "running"
        ):
            await asyncio.sleep(0.05)
    assert (view.ended, view.error and view.error["code"]) == (False, "newer_version")
    assert view.next_attempt_at is not None


async def test_what_an_older_version_wrote_is_read_as_it_is_now(app: App) -> None:
    changed = await put(app, "a.md", "# A\n\nThe heron sleeps.\n")
    # a field that came later is not in older events, one that is gone is
    await app.base.pool.execute(
        "UPDATE events SET data = data - 'readers' - 'restored_from' || '{\"gone\": 1}'"
        " WHERE type = 'knowledge.document_version_indexed'"
    )
    rebuilt = app.projections.runners["knowledge.search"]
    await rebuilt.rebuild(settle=False)
    found = await app.services.queries.ask(
        SearchChunks(collection="docs", text="heron", mode="lexical"), ADMIN, seen(changed)
    )
    assert [hit.document for hit in found.hits] == ["a.md"]


async def test_a_database_that_a_newer_version_has_migrated_serves_an_older_one(
    database_url: str, tmp_path: Path, engine: OnnxE5Engine
) -> None:
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        # what a migration that only adds leaves behind
        connection.execute("ALTER TABLE commands ADD COLUMN added_later text")
        connection.execute("ALTER TABLE events ADD COLUMN added_later text")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert newest() < "9999"

    async with open_app(
        Settings(database_url=database_url, data_dir=tmp_path), frozenset(Role), {"default": engine}
    ) as app:
        changed = await put(app, "a.md", "# A\n\nText.\n")
        found = await app.services.queries.ask(SearchChunks(collection="docs", text="text"), ADMIN, seen(changed))
        assert [hit.document for hit in found.hits] == ["a.md"]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


async def test_a_command_that_takes_workers_down_is_carried_out_alone_and_then_no_more(idle: App) -> None:
    log = idle.base.log
    poison, innocent = await accepted(idle, "poison.md"), await accepted(idle, "innocent.md")

    for _ in range(SUSPECT_INTERRUPTIONS):
        leased = await log.lease(QUEUE), await log.lease(QUEUE)
        assert {one.envelope.id for one in leased if one} == {poison.envelope.id, innocent.envelope.id}
        for one in leased:
            assert one is not None
            await vanish(idle, one)
    # both are suspects now: one at a time
    alone = await log.lease(QUEUE)
    assert alone is not None
    assert await log.lease(QUEUE) is None
    third = await accepted(idle, "third.md")
    assert await log.lease(QUEUE) is None
    assert alone.envelope.id == poison.envelope.id

    for _ in range(MAX_INTERRUPTIONS):
        await vanish(idle, alone)
        again = await log.lease(QUEUE)
        assert again is not None
        if again.envelope.id != poison.envelope.id:
            break
    # the others go on
    assert again.envelope.id == innocent.envelope.id
    row = await idle.base.pool.fetch_one(
        "SELECT state, interruptions, error->>'code' AS code FROM commands WHERE id = %s", (poison.envelope.id,)
    )
    assert row is not None
    assert (row["state"], row["code"]) == ("dead", "worker_lost")
    assert row["interruptions"] <= MAX_INTERRUPTIONS + 1
    assert third.envelope.id != again.envelope.id


async def test_a_read_model_of_a_newer_version_is_fed_by_that_only(idle: App) -> None:
    def of(columns: str) -> PostgresProjectionStore[None]:
        schema = Schema(f"CREATE TABLE side_by_side_g{{g}} ({columns});", ("side_by_side",))
        return PostgresProjectionStore[None](idle.base.pool, "tests.side_by_side", schema, lambda one, number: None)

    old, new = of("a int"), of("a int, b int NOT NULL")
    await old.ensure()
    async with old.open() as transaction:
        assert transaction is not None
    assert await new.outdated()
    async with new.open() as transaction:
        assert transaction is None

    generation = await new.begin_rebuild()
    async with new.open(generation) as transaction:
        assert transaction is not None
    await new.switch_to(generation)

    async with new.open() as transaction:
        assert transaction is not None
    async with old.open() as transaction:
        assert transaction is None
