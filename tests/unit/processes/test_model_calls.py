"""Calls of models: which way they go, what they cost, and what becomes of failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from ryorin.adapters.local.system import TimeOrderedIds
from ryorin.adapters.memory.clock import StandingClock
from ryorin.adapters.memory.gateway import MemoryCatalogues, MemorySpending
from ryorin.adapters.memory.telemetry import MemoryTelemetry
from ryorin.contexts.answers.errors import ModelLimited, ModelMisconfigured, ModelRejected, ModelUnavailable
from ryorin.contexts.answers.module import ChatDelta, ChatRequest, RemainingLimits
from ryorin.contexts.answers.queries import ChatMessage, SamplingOptions, Usage
from ryorin.contexts.answers.tools import Tool, ToolUse
from ryorin.contexts.gateway.catalogue import (
    Budget,
    Catalogue,
    Deployment,
    Limits,
    ModelSpec,
    PriceTable,
    ProviderSpec,
    TokenUse,
)
from ryorin.contexts.gateway.errors import BudgetExceeded
from ryorin.kernel.messages import Actor, OrgId, Scope
from ryorin.processes.model_directory import FAILURES, PAUSE_SECONDS, ModelDirectory

ORG = OrgId("a")
ACTOR = Actor(ORG, "key:abc", frozenset({Scope.ANSWERS_READ}))
PRICE = PriceTable(input=1_000_000, output=1_000_000)  # a USD for each token
REQUEST = ChatRequest((ChatMessage("user", "Hi"),), SamplingOptions(max_tokens=10), timeout_seconds=5)
DONE = ChatDelta("", "stop", Usage(4, 3))


@dataclass
class Provider:
    """What one deployment says, call by call; the last again and again. An exception is raised, an event waited for."""

    calls: Sequence[Sequence[ChatDelta | Exception | asyncio.Event]]
    asked: list[ChatRequest] = field(default_factory=list)
    context_tokens: int = 100
    identity: str = "provider"

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        said = self.calls[min(len(self.asked), len(self.calls) - 1)]
        self.asked.append(request)
        for one in said:
            if isinstance(one, Exception):
                raise one
            if isinstance(one, asyncio.Event):
                await one.wait()
            else:
                yield one


def says(*texts: str) -> list[ChatDelta | Exception | asyncio.Event]:
    return [*(ChatDelta(text) for text in texts), DONE]


@dataclass
class House:
    """A directory of providers on memory."""

    providers: dict[str, Provider]
    clock: StandingClock = field(default_factory=StandingClock)
    telemetry: MemoryTelemetry = field(default_factory=MemoryTelemetry)

    def __post_init__(self) -> None:
        self.catalogues = MemoryCatalogues()
        self.spending = MemorySpending(TimeOrderedIds(), self.clock)
        self.directory = ModelDirectory(
            self.catalogues, [], lambda one: self.providers[one.provider], self.spending, self.clock, self.telemetry
        )

    def serve(self, *deployments: Deployment, budgets: Sequence[Budget] = ()) -> None:
        models: dict[str, tuple[Deployment, ...]] = {}
        for one in deployments:
            models[one.alias] = (*models.get(one.alias, ()), one)
        self.catalogues.known[ORG] = Catalogue(models, {one.subject: one for one in budgets})

    async def ask(self, alias: str = "big", request: ChatRequest = REQUEST) -> str:
        return "".join([delta.text for delta in await self.hear(alias, request)])

    async def hear(self, alias: str = "big", request: ChatRequest = REQUEST) -> list[ChatDelta]:
        model = await self.directory.find(ACTOR, alias)
        assert model is not None
        async with aclosing(model.stream(request)) as deltas:
            return [delta async for delta in deltas]

    @property
    def tokens(self) -> list[TokenUse]:
        return [call.tokens for call in self.spending.calls]

    async def spent(self, usd: float = 1_000.0) -> float:
        views = await self.spending.budgets(ORG, [Budget("organisation", usd, "total")])
        return views[0].spent_usd + views[0].reserved_usd


def by(
    provider: str,
    alias: str = "big",
    *,
    limits: Limits = Limits(),  # noqa: B008
    silence: float = 60,
    price: PriceTable = PRICE,
    fallbacks: tuple[str, ...] = (),
) -> Deployment:
    reached = ProviderSpec(base_url="http://models", limits=limits, silence_seconds=silence)
    return Deployment(alias, provider, reached, ModelSpec(f"{provider}-1", price=price, fallbacks=fallbacks))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ryorin.processes.model_calls.FIRST_PAUSE_SECONDS", 0.001)


async def test_an_answer_says_who_gave_it_and_what_it_cost() -> None:
    house = House({"one": Provider([says("He", "llo")])})
    house.serve(by("one"))

    heard = await house.hear()

    assert "".join(delta.text for delta in heard) == "Hello"
    served = heard[-1].served
    assert served is not None
    assert (served.deployment, served.alias, served.usd) == ("one/one-1", "big", 7.0)
    assert house.tokens == [TokenUse(input=4, output=3)]


async def test_a_failure_before_the_first_piece_is_made_good_by_another_try() -> None:
    house = House({"one": Provider([[ModelUnavailable("broken")], says("Hello")])})
    house.serve(by("one"))

    assert await house.ask() == "Hello"
    # what failed has cost nothing
    assert house.tokens == [TokenUse(), TokenUse(input=4, output=3)]


async def test_another_provider_of_the_alias_is_asked_at_once() -> None:
    house = House({"one": Provider([[ModelUnavailable("broken")]]), "two": Provider([says("Hello")])})
    house.serve(by("one"), by("two"))

    assert [await house.ask() for _ in range(10)] == ["Hello"] * 10
    # the quickest is asked first: one that fails learns no better time, and is left alone in the end
    assert len(house.providers["one"].asked) <= FAILURES


async def test_nothing_is_begun_again_once_something_was_said() -> None:
    house = House({"one": Provider([[ChatDelta("He"), ModelUnavailable("cut off")]]), "two": Provider([says("Hello")])})
    house.serve(by("one"), by("two"))
    house.providers["two"].calls = house.providers["one"].calls

    with pytest.raises(ModelUnavailable, match="cut off"):
        await house.ask()

    # what was said is paid for, by an estimate
    assert house.tokens == [TokenUse(input=2, output=2)]


async def test_a_fallback_answers_and_is_named() -> None:
    house = House({"one": Provider([[ModelUnavailable("broken")]]), "small": Provider([says("Hm")])})
    house.serve(by("one", fallbacks=("tiny", "nobody")), by("small", "tiny"))

    heard = await house.hear()

    assert heard[-1].served is not None
    assert heard[-1].served.alias == "tiny"
    assert len(house.providers["one"].asked) == 3


async def test_without_any_answer_the_failure_of_what_was_asked_for_is_told() -> None:
    house = House({"one": Provider([[ModelUnavailable("broken")]]), "small": Provider([[ModelUnavailable("too")]])})
    house.serve(by("one", fallbacks=("tiny",)), by("small", "tiny"))

    with pytest.raises(ModelUnavailable, match="broken"):
        await house.ask()


async def test_a_wrong_credential_is_not_tried_again_and_a_fallback_is() -> None:
    house = House({"one": Provider([[ModelMisconfigured("revoked")]]), "small": Provider([says("Hm")])})
    house.serve(by("one", fallbacks=("tiny",)), by("small", "tiny"))

    assert await house.ask() == "Hm"
    assert len(house.providers["one"].asked) == 1


async def test_a_request_that_was_refused_is_refused_by_all() -> None:
    house = House({"one": Provider([[ModelRejected("too long")]]), "small": Provider([says("Hm")])})
    house.serve(by("one", fallbacks=("tiny",)), by("small", "tiny"))

    with pytest.raises(ModelRejected):
        await house.ask()
    assert house.providers["small"].asked == []


async def test_what_needs_tools_goes_to_who_has_them_and_is_refused_where_nobody_does() -> None:
    tools = replace(REQUEST, tools=ToolUse((Tool("f", "", {}, None),), "auto", None))
    house = House({"one": Provider([says("plain")]), "two": Provider([says("with tools")])})
    plain = by("one")
    house.serve(replace(plain, serves=replace(plain.serves, capabilities=("chat",))), by("two"))

    assert [await house.ask(request=tools) for _ in range(3)] == ["with tools"] * 3
    assert house.providers["one"].asked == []
    house.serve(replace(plain, serves=replace(plain.serves, capabilities=("chat", "json_schema"))))
    with pytest.raises(ModelRejected, match="registered without tools"):
        await house.ask(request=tools)
    assert await house.ask() == "plain"


async def test_a_limit_is_kept_until_the_provider_wants_more() -> None:
    house = House({"one": Provider([[ModelLimited("slow down", 30)]]), "two": Provider([says("Hello")])})
    house.serve(by("one"), by("two"))

    assert [await house.ask() for _ in range(5)] == ["Hello"] * 5
    assert len(house.providers["one"].asked) <= 1


async def test_a_short_pause_is_waited_for_and_a_long_one_is_told() -> None:
    house = House({"one": Provider([[ModelLimited("slow down", 0.02)], says("Hello"), [ModelLimited("stop", 30)]])})
    house.serve(by("one"))

    assert await house.ask() == "Hello"
    with pytest.raises(ModelLimited, match="stop"):
        await house.ask()
    with pytest.raises(ModelLimited, match="take no more calls for 30 s"):
        await house.ask()
    assert len(house.providers["one"].asked) == 3


async def test_limits_of_ones_own_are_kept() -> None:
    house = House({"one": Provider([says("1")]), "two": Provider([says("2")])})
    house.serve(by("one", limits=Limits(requests_per_minute=2)), by("two", limits=Limits(tokens_per_minute=5)))

    said = []
    with suppress(ModelLimited):
        for _ in range(20):
            said.append(await house.ask())

    # two tokens a call: two fit into five
    assert sorted(said) == ["1", "1", "2", "2"]


@pytest.mark.parametrize("left", [RemainingLimits(1, None, 30, 0), RemainingLimits(None, 3, 0, 30)])
async def test_what_a_provider_says_is_left_is_not_exceeded(left: RemainingLimits) -> None:
    # two tokens a call: three are enough for one more
    told: list[ChatDelta | Exception | asyncio.Event] = [ChatDelta("1", remaining=left), DONE]
    house = House({"one": Provider([told, says("1")])})
    house.serve(by("one"))

    assert [await house.ask(), await house.ask()] == ["1", "1"]
    with pytest.raises(ModelLimited, match="take no more calls for 30 s"):
        await house.ask()


async def test_a_limit_that_begins_anew_keeps_nobody_away() -> None:
    left = RemainingLimits(0, 0, 0.02, 0.02)
    house = House({"one": Provider([[ChatDelta("1", remaining=left), DONE], says("2")])})
    house.serve(by("one"))
    assert await house.ask() == "1"

    await asyncio.sleep(0.03)

    assert await house.ask() == "2"


async def test_silence_is_a_failure_that_leaves_time_for_others() -> None:
    house = House({"one": Provider([[asyncio.Event()]]), "small": Provider([says("Hm")])})
    house.serve(by("one", silence=0.02, fallbacks=("tiny",)), by("small", "tiny"))

    assert await house.ask() == "Hm"


async def test_a_breaker_opens_tries_once_and_closes() -> None:
    gate = asyncio.Event()
    broken: list[list[ChatDelta | Exception | asyncio.Event]] = [[ModelUnavailable("broken")]] * FAILURES
    house = House({"one": Provider([*broken, [gate, ChatDelta("back"), DONE], says("fine")])})
    house.serve(by("one"))
    for _ in range(FAILURES):
        with suppress(ModelUnavailable):
            await house.ask()

    with pytest.raises(ModelUnavailable, match="left alone for a while"):
        await house.ask()
    assert len(house.providers["one"].asked) == FAILURES

    house.clock.time += timedelta(seconds=PAUSE_SECONDS)
    probe = asyncio.create_task(house.ask())
    await asyncio.sleep(0)
    while len(house.providers["one"].asked) == FAILURES:
        await asyncio.sleep(0.001)
    for _ in range(3):
        # half open: only one is let through
        with pytest.raises(ModelUnavailable, match="left alone"):
            await house.ask()
    gate.set()

    assert await probe == "back"
    assert await house.ask() == "fine"
    assert len(house.providers["one"].asked) == FAILURES + 2


async def test_whoever_leaves_cancels_the_call_and_pays_for_what_was_said() -> None:
    never = asyncio.Event()
    house = House({"one": Provider([[ChatDelta("Hell"), never]])})
    house.serve(by("one"), budgets=[Budget("organisation", 100, "total")])
    model = await house.directory.find(ACTOR, "big")
    assert model is not None

    async with aclosing(model.stream(REQUEST)) as deltas:
        await anext(deltas)

    assert house.tokens == [TokenUse(input=2, output=4)]
    assert await house.spent() == 6.0


async def test_a_call_that_might_cost_too_much_is_not_made() -> None:
    house = House({"one": Provider([says("Hello")])})
    house.serve(by("one"), budgets=[Budget("key:abc", 11, "day")])

    with pytest.raises(BudgetExceeded, match="key:abc"):
        await house.ask()
    assert house.providers["one"].asked == []

    shorter = replace(REQUEST, sampling=SamplingOptions(max_tokens=9))
    assert await house.ask(request=shorter) == "Hello"


async def test_with_a_budget_nobody_is_asked_for_more_than_is_set_aside() -> None:
    house = House({"one": Provider([says("Hello")])})
    house.serve(by("one"), budgets=[Budget("organisation", 100_000, "total")])

    await house.ask(request=replace(REQUEST, sampling=SamplingOptions()))

    assert house.providers["one"].asked[0].sampling.max_tokens == ModelSpec("m").max_output_tokens


async def test_what_failed_gives_back_what_was_set_aside() -> None:
    house = House({"one": Provider([[ModelUnavailable("broken")]])})
    house.serve(by("one"), budgets=[Budget("organisation", 100, "total")])

    with pytest.raises(ModelUnavailable):
        await house.ask()

    assert await house.spent() == 0


async def test_another_organisations_models_are_not_there() -> None:
    house = House({"one": Provider([says("Hello")])})
    house.serve(by("one"))

    assert await house.directory.find(replace(ACTOR, org_id=OrgId("b")), "big") is None


async def test_an_alias_that_is_moved_is_another_model() -> None:
    house = House({"one": Provider([says("1")], identity="one"), "two": Provider([says("2")], identity="two")})
    house.serve(by("one"))
    before = await house.directory.find(ACTOR, "big")
    house.serve(by("two"))
    after = await house.directory.find(ACTOR, "big")

    assert before is not None
    assert after is not None
    assert before.identity != after.identity
    assert await house.ask() == "2"
