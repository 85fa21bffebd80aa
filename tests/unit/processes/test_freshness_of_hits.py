from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from ryorin.contexts.answers.queries import CacheOptions
from ryorin.contexts.knowledge.pipeline import CacheStage
from ryorin.kernel.events import LogPosition
from tests.unit.processes.stage import ORG, TTL_SECONDS, Parrot, Stage, question


async def test_a_strict_hit_waits_for_the_invalidations_of_what_was_committed() -> None:
    stage = Stage()
    await stage.ask(question())
    stage.changes.newest = LogPosition(9, 1)
    asking = asyncio.create_task(stage.ask(question()))
    await asyncio.sleep(0.01)

    waited = not asking.done()
    await stage.store.invalidate(ORG, stage.store.keys(), "changed", LogPosition(9, 1))
    stage.positions.reach(LogPosition(9, 1))

    assert waited
    assert (await asking).cache == "revalidated"


async def test_a_hit_that_cannot_be_verified_is_none_and_retrieval_decides() -> None:
    stage = Stage()
    await stage.ask(question())

    stage.changes.down = True

    assert (await stage.ask(question())).cache == "revalidated"


async def test_a_bounded_hit_asks_the_log_once_within_its_bound() -> None:
    stage = Stage()
    bounded = replace(question(), cache=CacheOptions(freshness="bounded", max_staleness_seconds=60))
    await stage.ask(bounded)
    asked = stage.changes.asked

    hit = await stage.ask(bounded)
    stage.changes.down = True
    stage.hot.connection(False)
    cut_off = await stage.ask(bounded)
    now = await stage.ask(replace(bounded, cache=CacheOptions(freshness="bounded", max_staleness_seconds=0)))

    assert (hit.cache, cut_off.cache, stage.changes.asked) == ("l1", "l1", asked + 1)
    assert now.cache == "revalidated"


async def test_a_ttl_hit_asks_nobody_and_ends_with_its_age() -> None:
    stage = Stage()
    wish = CacheOptions(freshness="ttl", ttl_seconds=30)
    await stage.ask(replace(question(), cache=wish))
    stage.changes.down = True
    stage.changes.asked = 0
    stage.forget()

    stage.clock.time += timedelta(seconds=29)
    young = await stage.ask(replace(question(), cache=wish))
    stage.forget()
    stage.clock.time += timedelta(seconds=2)
    old = await stage.ask(replace(question(), cache=wish))

    assert (young.cache, old.cache, stage.changes.asked) == ("l2", "miss", 0)


async def test_the_request_comes_before_the_collection_and_that_before_strict() -> None:
    stage = Stage()
    await stage.ask(question())
    stage.changes.down = True

    stage.stages.stage = CacheStage(freshness="ttl")
    own = await stage.ask(question())
    strict = await stage.ask(replace(question(), cache=CacheOptions(freshness="strict")))

    assert (own.cache, strict.cache) == ("l1", "revalidated")


async def test_a_stale_answer_is_served_while_it_is_made_anew() -> None:
    stage = Stage()
    stage.stages.stage = CacheStage(stale_while_revalidate_seconds=30)
    first = await stage.ask(question())
    await stage.store.invalidate(ORG, stage.store.keys(), "changed", LogPosition(1, 0))
    stage.shelf.passages = {"office.md": "The Tokyo office opens at ten."}

    stale = await stage.ask(question())
    while not stage.store.keys():
        await asyncio.sleep(0.001)
    anew = await stage.ask(question())

    assert (stale.cache, stale.id, stale.text) == ("stale", first.id, first.text)
    assert anew.cache == "l1"
    assert "ten" in anew.text


async def test_what_was_invalidated_too_long_ago_is_not_served_unseen() -> None:
    stage = Stage()
    stage.stages.stage = CacheStage(stale_while_revalidate_seconds=30)
    await stage.ask(question())
    await stage.store.invalidate(ORG, stage.store.keys(), "changed", LogPosition(1, 0))

    stage.clock.time += timedelta(seconds=31)

    assert (await stage.ask(question())).cache == "revalidated"


async def test_an_answer_without_documents_is_served_while_the_database_is_away() -> None:
    stage = Stage(parrot=Parrot(["Hello."]))
    plain = question(model="parrot", collection=None)
    await stage.ask(plain)

    stage.changes.down = True
    stage.hot.connection(False)

    assert (await stage.ask(plain)).cache == "l1"


async def test_all_who_ask_at_once_ask_the_log_once_or_twice() -> None:
    stage = Stage()
    await stage.ask(question())
    stage.changes.asked = 0

    answers = await asyncio.gather(*(stage.ask(question()) for _ in range(200)))

    assert {answer.cache for answer in answers} == {"l1"}
    assert stage.changes.asked <= 2


async def invalidated(stage: Stage) -> None:
    await stage.store.invalidate(ORG, stage.store.keys(), "changed", LogPosition(1, 0))


async def test_an_invalidated_answer_whose_context_is_the_same_after_all_needs_no_model() -> None:
    parrot = Parrot(["Nine [1]."])
    stage = Stage(parrot=parrot)
    query = question(model="parrot")
    made = await stage.ask(query)

    stage.clock.time += timedelta(seconds=60)
    await invalidated(stage)
    again = await stage.ask(query)
    after = await stage.ask(query)

    assert (again.cache, again.id, again.age_seconds) == ("revalidated", made.id, 60)
    assert (after.cache, after.id) == ("l1", made.id)
    assert len(parrot.requests) == 1
    assert stage.layers == ["miss", "revalidated", "l1"]


async def test_a_revalidated_answer_is_invalidated_by_the_next_change() -> None:
    stage = Stage(parrot=Parrot(["Nine [1]."]))
    query = question(model="parrot")
    await stage.ask(query)
    await invalidated(stage)
    await stage.ask(query)
    # or the next one shares it: nothing of the collection has changed for who asks at the same position
    await stage.process.close()

    await invalidated(stage)
    stage.shelf.passages = {"office.md": "The Tokyo office opens at ten."}

    assert (await stage.ask(query)).cache == "miss"


async def test_revalidation_does_not_prolong_the_time_to_live() -> None:
    stage = Stage()
    await stage.ask(question())
    stage.clock.time += timedelta(seconds=TTL_SECONDS - 1)
    await invalidated(stage)

    again = await stage.ask(question())
    stage.forget()
    stage.clock.time += timedelta(seconds=1)

    assert (again.cache, (await stage.ask(question())).cache) == ("revalidated", "miss")


async def test_a_degraded_search_revalidates_nothing() -> None:
    stage = Stage()
    await stage.ask(question())
    await invalidated(stage)

    stage.shelf.degraded = ("lexical",)

    assert (await stage.ask(question())).cache == "miss"


async def test_another_model_behind_the_alias_is_another_question() -> None:
    parrot = Parrot(["Nine."])
    stage = Stage(parrot=parrot)
    await stage.ask(question(model="parrot"))

    parrot.identity = "another"

    assert (await stage.ask(question(model="parrot"))).cache == "miss"


async def test_who_asks_after_a_change_does_not_get_what_is_being_made_from_before_it() -> None:
    gate = asyncio.Event()
    parrot = Parrot([gate, "Nine."])
    stage = Stage(parrot=parrot)
    query = question(model="parrot")
    before = asyncio.create_task(stage.ask(query))
    while not parrot.requests:
        await asyncio.sleep(0)

    change = LogPosition(7, 0)
    await stage.store.collection_changed(ORG, "docs", change)
    stage.positions.reach(change)
    after = asyncio.create_task(stage.ask(query))
    while len(parrot.requests) < 2:
        await asyncio.sleep(0)
    gate.set()

    assert (await before).position < (await after).position
    assert stage.shelf.searches == 2


async def test_a_bounded_hit_outlasts_a_database_that_comes_back_and_goes_again() -> None:
    stage = Stage()
    bounded = replace(question(), cache=CacheOptions(freshness="bounded", max_staleness_seconds=60))
    await stage.ask(bounded)
    stage.changes.down = True
    stage.hot.connection(False)
    stage.hot.connection(True)
    stage.hot.connection(False)

    outlasts = await stage.ask(bounded)
    stage.hot.told(f"key\x1f{ORG}\x1f{next(iter(stage.store.keys()))}\x1f9-0")

    assert outlasts.cache == "l1"
    assert (await stage.ask(bounded)).cache == "l2"


async def test_a_check_that_will_do_is_made_anew_before_it_ends() -> None:
    stage = Stage()
    bounded = replace(question(), cache=CacheOptions(freshness="bounded", max_staleness_seconds=0.5))
    await stage.ask(bounded)
    asked = stage.changes.asked
    await asyncio.sleep(0.1)

    hit = await stage.ask(bounded)
    async with asyncio.timeout(5):
        while stage.changes.asked == asked:
            await asyncio.sleep(0.001)

    assert hit.cache == "l1"
