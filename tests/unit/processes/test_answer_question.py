from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ryorin.contexts.answers.errors import ModelNotFound, ModelUnavailable
from ryorin.contexts.answers.module import cache_key
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId, Scope
from ryorin.processes.answer_layers import CacheDefaults
from tests.unit.processes.stage import ACTOR, ORG, TTL_SECONDS, Parrot, Stage, question


async def test_an_answer_is_made_once_then_comes_from_memory_then_from_the_store() -> None:
    stage = Stage()

    made = await stage.ask(question())
    hot = await stage.ask(question())
    stage.forget()
    stored = await stage.ask(question())
    hot_again = await stage.ask(question())

    assert [answer.cache for answer in (made, hot, stored, hot_again)] == ["miss", "l1", "l2", "l1"]
    assert {(answer.id, answer.text, answer.citations) for answer in (made, hot, stored, hot_again)} == {
        (made.id, made.text, made.citations)
    }
    assert stage.shelf.searches == 1
    assert stage.layers == ["miss", "l1", "l2", "l1"]


async def test_those_who_ask_the_same_at_once_share_one_making() -> None:
    stage = Stage(parrot=Parrot(["Nine", " o'clock [1]."]))
    query = question(model="parrot")

    answers = await asyncio.gather(*(stage.ask(query) for _ in range(20)), stage.stream(query))

    parts = answers.pop()
    assert stage.shelf.searches == 1
    assert len({answer.id for answer in answers}) == 1  # type: ignore[union-attr]  # the parts were taken out
    assert "".join(part.text for part in parts) == "Nine o'clock [1]."  # type: ignore[union-attr]


async def test_organisations_share_nothing() -> None:
    stage = Stage()
    await stage.ask(question())

    other = await stage.ask(question(), replace(ACTOR, org_id=OrgId("b")))

    assert other.cache == "miss"


async def test_going_around_the_cache_neither_reads_nor_keeps() -> None:
    stage = Stage()
    around = replace(question(), use_cache=False)

    first, second, plain = await stage.ask(around), await stage.ask(around), await stage.ask(question())

    assert (first.cache, second.cache, plain.cache) == ("bypass", "bypass", "miss")
    assert stage.shelf.searches == 3


async def test_an_answer_lives_no_longer_than_its_time() -> None:
    stage = Stage()
    await stage.ask(question())
    stage.forget()

    stage.clock.time += timedelta(seconds=TTL_SECONDS - 1)
    almost = await stage.ask(question())
    stage.forget()
    stage.clock.time += timedelta(seconds=1)
    late = await stage.ask(question())

    assert (almost.cache, almost.age_seconds) == ("l2", TTL_SECONDS - 1)
    assert late.cache == "miss"


async def test_an_answer_tells_the_position_from_before_it_searched() -> None:
    stage = Stage()
    before = stage.positions.position

    answer = await stage.ask(question())

    assert answer.position == str(before) != str(stage.positions.position)
    assert set(answer.stages) == {"dense", "generate"}


async def test_an_answer_overtaken_by_a_change_is_given_but_not_kept() -> None:
    stage = Stage()
    await stage.store.collection_changed(ORG, "docs", LogPosition(6, 0))

    overtaken = await stage.ask(question())
    again = await stage.ask(question())

    assert "nine" in overtaken.text
    # the first was made as of 5-1, the second as of 6-1
    assert (overtaken.cache, again.cache) == ("miss", "miss")
    assert (await stage.ask(question())).cache == "l1"


async def test_new_ranking_statistics_make_retrieval_decide() -> None:
    stage = Stage()
    await stage.ask(question())

    stage.forget()
    stage.epoch = 2

    assert (await stage.ask(question())).cache == "revalidated"


async def test_without_the_model_the_documents_answer_and_that_is_not_kept() -> None:
    parrot = Parrot([ModelUnavailable("it sleeps")])
    stage = Stage(parrot=parrot)
    query = question(model="parrot")

    degraded = await stage.ask(query)
    parrot.words = ["It opens at nine [1]."]
    whole = await stage.ask(query)

    assert "The Tokyo office opens at nine. [1]" in degraded.text
    assert (degraded.extracted, degraded.degraded) == (True, ("model:parrot",))
    assert (whole.text, whole.cache, whole.degraded) == ("It opens at nine [1].", "miss", ())


async def test_without_the_model_and_documents_there_is_no_answer() -> None:
    stage = Stage(parrot=Parrot([ModelUnavailable("it sleeps")]))

    with pytest.raises(ModelUnavailable, match="it sleeps"):
        await stage.ask(question(model="parrot", collection=None))


async def test_a_model_that_stops_in_the_middle_is_not_glossed_over() -> None:
    parrot = Parrot(["It opens", ModelUnavailable("it fell asleep")])
    stage = Stage(parrot=parrot)
    query = question(model="parrot")

    with pytest.raises(ModelUnavailable, match="fell asleep"):
        await stage.ask(query)
    parrot.words = ["It opens at nine."]

    assert (await stage.ask(query)).text == "It opens at nine."


async def test_an_answer_from_a_degraded_search_says_so_and_is_not_kept() -> None:
    stage = Stage()
    stage.shelf.degraded = ("lexical",)

    first, second = await stage.ask(question()), await stage.ask(question())

    assert first.degraded == ("lexical",)
    assert second.cache == "miss"


async def test_only_passages_that_a_model_names_are_cited() -> None:
    stage = Stage(parrot=Parrot(["Closed on Mondays [2]. ", "Says who? [7]"]))
    stage.shelf.passages["図書館.md"] = "図書館は月曜日に休館します。"

    answer = await stage.ask(question("図書館の休館日は？", model="parrot"))

    assert [(citation.number, citation.document) for citation in answer.citations] == [(2, "図書館.md")]


async def test_a_model_without_a_collection_gets_the_conversation_as_it_is() -> None:
    parrot = Parrot(["Hello."])
    stage = Stage(parrot=parrot)

    answer = await stage.ask(question("Say hello.", model="parrot", collection=None))

    assert parrot.requests[0].messages == question("Say hello.").messages
    assert (answer.grounded, answer.citations, stage.shelf.searches) == (False, (), 0)
    assert (await stage.ask(question("Say hello.", model="parrot", collection=None))).cache == "l1"


async def test_a_cached_answer_is_streamed_in_pieces_that_add_up() -> None:
    stage = Stage()
    stage.shelf.passages["office.md"] = "The Tokyo office opens at nine and " + "much " * 40 + "more."
    made = await stage.ask(question())

    parts = await stage.stream(question())

    assert len(parts) > 3
    assert "".join(part.text for part in parts) == made.text
    assert [part.answer is not None for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].answer is not None and parts[-1].answer.cache == "l1"


@pytest.mark.parametrize(("refusals", "layers"), [(False, ["miss", "miss"]), (True, ["miss", "l1"])])
async def test_what_a_provider_refuses_is_kept_only_where_that_is_wanted(refusals: bool, layers: list[str]) -> None:
    stage = Stage(CacheDefaults(TTL_SECONDS, refusals=refusals), parrot=Parrot(["I would ", "rather not."]))
    stage.models["parrot"].finish_reason = "content_filter"

    asked = [await stage.ask(question(model="parrot")) for _ in range(2)]

    assert [answer.cache for answer in asked] == layers


async def test_an_answer_that_is_too_long_is_given_and_not_kept() -> None:
    stage = Stage(CacheDefaults(TTL_SECONDS, max_answer_bytes=10), parrot=Parrot(["早すぎる朝"]))

    asked = [await stage.ask(question(model="parrot")) for _ in range(2)]

    assert [(answer.text, answer.cache) for answer in asked] == [("早すぎる朝", "miss")] * 2


async def test_a_stream_left_in_the_middle_is_not_kept() -> None:
    stage = Stage(parrot=Parrot(["It opens ", asyncio.Event(), "at ", "nine."]))
    query = question(model="parrot")

    leaving = stage.bus.stream(query, ACTOR)
    first = await anext(leaving)
    await leaving.aclose()

    assert first.text == "It opens "
    assert stage.store.keys() == []
    assert stage.hot.get(ORG, cache_key(query, ACTOR)) is None


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        (question(collection=None), InvalidInput, "name a collection"),
        (question(model="dodo"), ModelNotFound, "there are extractive, parrot"),
        (question(" \n "), InvalidInput, "at least one user message"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_what_to_do(
    query: object, error: type[Exception], words: str
) -> None:
    stage = Stage(parrot=Parrot(["Hm."]))

    with pytest.raises(error, match=words):
        await stage.ask(query)  # type: ignore[arg-type]  # questions


async def test_who_may_not_read_knowledge_gets_no_answer_from_it_cached_or_not() -> None:
    stage = Stage()
    actor = replace(ACTOR, scopes=frozenset({Scope.ANSWERS_READ}))

    with pytest.raises(Forbidden, match="knowledge:read"):
        await stage.ask(question(), actor)
    await stage.ask(question())
    with pytest.raises(Forbidden, match="knowledge:read"):
        await stage.ask(question(), actor)
