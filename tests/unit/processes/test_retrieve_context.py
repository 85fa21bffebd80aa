"""Expansion joins a search in time or not at all; whatever breaks, the question itself is searched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from ryorin.adapters.local.expansions import MemoryExpansions
from ryorin.adapters.memory.clock import StandingClock
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.contexts.answers.queries import ChatMessage
from ryorin.contexts.knowledge.expansion import ExpandQuery, RetrieveContext, Retrieved
from ryorin.contexts.knowledge.queries import SearchChunks
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.bus import QueryBus
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.messages import Actor
from ryorin.processes.expand_query import ExpandQueryProcess, Link
from ryorin.processes.expanders import FeedbackExpander, ModelExpander, shared_words
from ryorin.processes.retrieve_context import RetrieveContextProcess
from tests.unit.processes.stage import ACTOR, Parrot, Positions, Shelf

QUESTION = "When does the office open?"


@dataclass
class Says:
    """An expander that says its variants, after an event if there is one; an error is raised instead."""

    variants: Sequence[str] | Exception
    after: asyncio.Event | None = None
    asked: int = 0

    async def expand(self, query: ExpandQuery, actor: Actor) -> Sequence[str]:
        self.asked += 1
        if self.after is not None:
            await self.after.wait()
        if isinstance(self.variants, Exception):
            raise self.variants
        return self.variants


@dataclass
class NotedShelf(Shelf):
    """A shelf that notes which variants it was searched with, and may fail for those."""

    seen: list[tuple[str, ...]] = field(default_factory=list)
    fails_with_variants: bool = False

    async def __call__(self, query: SearchChunks, actor: Actor):  # type: ignore[no-untyped-def]
        self.seen.append(query.variants)
        if query.variants and self.fails_with_variants:
            raise Unavailable("no connection")
        return await super().__call__(query, actor)


class Retrieval:
    """The process on memory, with a chain of expanders."""

    def __init__(self, *links: Link, deadline: float = 5.0) -> None:
        self.shelf = NotedShelf(Positions(), {"office.md": "The office opens at nine."})
        self.expansion = ExpandQueryProcess(links, MemoryExpansions(), MemoryTelemetry())
        self.process = RetrieveContextProcess(self.expansion, lambda: self.bus, deadline)
        handlers = {SearchChunks: self.shelf, RetrieveContext: self.process, ExpandQuery: self.expansion}
        self.bus = QueryBus(handlers, Positions(), MemoryTelemetry())

    async def retrieve(self) -> Retrieved:
        return await self.bus.ask(RetrieveContext(search=SearchChunks(collection="docs", text=QUESTION)), ACTOR)


def link(expander: Says, source: str = "service") -> Link:
    return Link(source, expander, CircuitBreaker(StandingClock(), failures=2))  # type: ignore[arg-type]


async def test_variants_that_come_in_time_take_part() -> None:
    retrieval = Retrieval(link(Says(["Opening hours of the office", QUESTION, "オフィスの営業時間"])))

    found = await retrieval.retrieve()

    variants = ("Opening hours of the office", "オフィスの営業時間")
    assert (found.expansion.variants, found.expansion.source) == (variants, "service")
    assert retrieval.shelf.seen == [(), variants]
    assert found.result.degraded == ()


async def test_variants_that_are_late_are_left_out_and_serve_the_next_asker() -> None:
    gate = asyncio.Event()
    slow = Says(["Opening hours"], after=gate)
    retrieval = Retrieval(link(slow), deadline=0.01)

    first = await retrieval.retrieve()
    gate.set()
    while retrieval.expansion.known(ExpandQuery(text=QUESTION, collection="docs"), ACTOR) is None:
        await asyncio.sleep(0)
    second = await retrieval.retrieve()

    assert first.expansion.left_out == {"all": "nothing came within 0.01 s"}
    assert (first.result.degraded, len(first.result.hits)) == (("expansion",), 1)
    assert second.expansion.variants == ("Opening hours",)
    assert (second.expansion.cached, slow.asked) == (True, 1)
    # known variants cost no search without them
    assert retrieval.shelf.seen == [(), ("Opening hours",)]


async def test_a_broken_link_is_named_and_the_next_one_asked_until_its_breaker_opens() -> None:
    broken, good = Says(Unavailable("it hangs")), Says(["Opening hours"])
    retrieval = Retrieval(link(broken), link(good, "model"))
    ask = [ExpandQuery(text=f"{QUESTION} {number}") for number in range(4)]

    expansions = [await retrieval.bus.ask(query, ACTOR) for query in ask]

    assert [expansion.source for expansion in expansions] == ["model"] * 4
    assert [expansion.left_out["service"] for expansion in expansions] == [
        "it hangs",
        "it hangs",
        "its circuit breaker is open",
        "its circuit breaker is open",
    ]
    assert (broken.asked, good.asked) == (2, 4)


async def test_when_every_link_fails_the_question_alone_is_searched_and_that_is_said() -> None:
    retrieval = Retrieval(link(Says(Unavailable("down"))), link(Says([]), "model"))

    found = await retrieval.retrieve()

    assert found.expansion.source == "none"
    assert found.expansion.left_out == {"service": "down", "model": "it gave nothing but the question"}
    assert (found.result.degraded, len(found.result.hits)) == (("expansion",), 1)


async def test_a_search_that_fails_with_variants_is_answered_without_them() -> None:
    retrieval = Retrieval(link(Says(["Opening hours"])))
    retrieval.shelf.fails_with_variants = True

    found = await retrieval.retrieve()

    assert (found.result.degraded, len(found.result.hits)) == (("variants",), 1)


@pytest.mark.parametrize("said", ["no JSON", '{"japanese": 1}', '["a"]', "{}", '{"japane'])
async def test_a_model_that_talks_rubbish_is_no_expander(said: str) -> None:
    expander = ModelExpander(Parrot([said]), timeout_seconds=1)

    with pytest.raises(Unavailable, match="no JSON"):
        await expander.expand(ExpandQuery(text=QUESTION), ACTOR)


async def test_variants_that_babble_or_repeat_are_not_searched() -> None:
    babble = "おやめさんが" * 6
    retrieval = Retrieval(link(Says([babble, "Opening hours", "opening  HOURS", " ", "x" * 400])))

    assert (await retrieval.retrieve()).expansion.variants == ("Opening hours",)


async def test_of_an_answer_that_was_cut_off_the_whole_strings_count() -> None:
    said = '{"japanese": ["営業時間"], "english": ["Opening hours", "Office ho'

    variants = await ModelExpander(Parrot([said]), 1).expand(ExpandQuery(text=QUESTION), ACTOR)

    assert variants == ["営業時間", "Opening hours"]


async def test_a_model_that_repeats_an_example_says_nothing() -> None:
    said = '{"japanese": ["日本の最高峰の山"], "english": ["Opening hours"]}'

    assert await ModelExpander(Parrot([said]), 1).expand(ExpandQuery(text=QUESTION), ACTOR) == ["Opening hours"]


async def test_a_model_is_asked_for_lists_of_the_wanted_lengths_with_the_question_as_data() -> None:
    parrot = Parrot(['{"japanese": ["営業時間"], "english": ["Opening hours", "Office hours"]}'])

    variants = await ModelExpander(parrot, 1).expand(ExpandQuery(text=QUESTION, english_count=2), ACTOR)

    assert variants == ["営業時間", "Opening hours", "Office hours"]
    request = parrot.requests[0]
    assert request.messages[-1] == ChatMessage("user", QUESTION)
    # the earlier turns show lists of the lengths that are asked for
    shown = [json.loads(message.content) for message in request.messages if message.role == "assistant"]
    assert [(len(lists["japanese"]), len(lists["english"])) for lists in shown] == [(1, 2), (1, 2)]
    assert request.form is not None
    assert request.form.schema is not None
    assert request.form.schema["properties"]["english"]["minItems"] == 2  # type: ignore[index]


async def test_feedback_adds_words_that_the_first_hits_share() -> None:
    retrieval = Retrieval()
    retrieval.shelf.passages = {
        "a": "The office opens at nine; the reception knows.",
        "b": "Ask the reception.",
        "c": "受付時間は九時からです。",
    }
    expander = FeedbackExpander(lambda: retrieval.bus)

    assert await expander.expand(ExpandQuery(text=QUESTION, collection="docs"), ACTOR) == [f"{QUESTION} reception"]
    with pytest.raises(Unavailable, match="no collection"):
        await expander.expand(ExpandQuery(text=QUESTION), ACTOR)


def test_shared_words_are_content_words_of_both_languages() -> None:
    texts = ["受付時間は九時からです。コーヒーは無料。", "受付時間とコーヒーについて。"]

    assert shared_words(texts, "コーヒーはいつ？") == ["受付時間"]


async def test_those_who_ask_the_same_at_once_share_one_expansion() -> None:
    gate = asyncio.Event()
    slow = Says(["Opening hours"], after=gate)
    retrieval = Retrieval(link(slow))
    wanted = ExpandQuery(text=QUESTION, collection="docs")

    first, second, third = (asyncio.create_task(retrieval.expansion(wanted, ACTOR)) for _ in range(3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.cancel()
    gate.set()

    assert (await first).variants == (await third).variants == ("Opening hours",)
    assert slow.asked == 1


async def test_an_expansion_that_nobody_waits_for_is_given_up() -> None:
    slow = Says(["Opening hours"], after=asyncio.Event())
    retrieval = Retrieval(link(slow))
    wanted = ExpandQuery(text=QUESTION, collection="docs")
    asked = [asyncio.create_task(retrieval.expansion(wanted, ACTOR)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await asyncio.sleep(0)

    slow.after = None
    again = await retrieval.expansion(wanted, ACTOR)

    assert (again.variants, slow.asked) == (("Opening hours",), 2)
