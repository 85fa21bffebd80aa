"""Statements of every question find their rows by key, also on tables that were empty a moment ago."""

from __future__ import annotations

import asyncio

from ryorin.adapters.postgres import answers
from ryorin.adapters.postgres.log_watch import LogWatch
from ryorin.adapters.postgres.notifications import Wakeup
from ryorin.adapters.postgres.pool import rows_of, run
from ryorin.bootstrap.app import App
from ryorin.kernel.events import BEGINNING
from tests.steps import put

LOOKED_UP = {"org_id": "local", "key": "k", "settled": True}
KEPT = {
    **LOOKED_UP,
    "id": "a",
    "collection": None,
    "lexicon_epoch": None,
    "answer": "{}",
    "probe": None,
    "outline": None,
    "context": None,
    "question": None,
    "transaction_id": "1",
    "position": 1,
    "ttl": 60,
    "model": "m",
    "provenance": "{}",
    "documents": [],
}


async def test_a_question_reads_no_other_answers(app: App) -> None:
    for statement, parameters in ((answers.GET, LOOKED_UP), (answers.KEEP_QUIETLY, KEPT)):
        async with app.base.pool.transaction() as connection:
            await run(connection, "SET LOCAL plan_cache_mode = force_generic_plan")
            plan = await rows_of(connection, f"EXPLAIN {statement}", parameters)
        lines = [line for row in plan for line in row.values()]

        indexes = {line.split(" using ")[1].split()[0] for line in lines if " on answer" in line and " using " in line}
        assert "answers_pkey" in indexes
        assert indexes <= {"answers_pkey", "answer_ledger_pkey"}
        assert not [line for line in lines if "Seq Scan on answer" in line]


async def test_who_follows_a_quiet_log_looks_together_with_the_others(app: App) -> None:
    await put(app, "office.md", "# Office\n\nIt opens at nine.\n")
    watch = LogWatch(app.base.pool, Wakeup())

    ends = await watch.ends()
    together = await asyncio.gather(*(watch.ends() for _ in range(20)))

    assert BEGINNING < ends.settled <= ends.newest
    assert len({id(one) for one in together}) == 1
    assert together[0] is not ends


async def test_an_append_without_a_notification_is_found(app: App) -> None:
    unheard = LogWatch(app.base.pool, Wakeup())
    before = (await unheard.ends()).newest
    waiting = asyncio.create_task(unheard.beyond(before, 30))

    await put(app, "office.md", "# Office\n\nIt opens at nine.\n")
    async with asyncio.timeout(20):
        await waiting

    assert (await unheard.ends()).settled > before
