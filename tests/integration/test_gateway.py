"""The gateway on PostgreSQL and real HTTP: the catalogue reaches answers, faults, and money."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ryorin.adapters.local.system import TimeOrderedIds
from ryorin.adapters.postgres.spending import PostgresSpending
from ryorin.bootstrap.app import App
from ryorin.contexts.answers.errors import ModelLimited, ModelNotFound, ModelUnavailable
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, ListModels, SamplingOptions
from ryorin.contexts.answers.tools import AnswerForm, Tool, ToolUse
from ryorin.contexts.gateway.catalogue import Budget, ModelSpec, PriceTable, ProviderSpec
from ryorin.contexts.gateway.commands import PutModel, PutProvider, RemoveModel, SetBudget
from ryorin.contexts.gateway.errors import BudgetExceeded
from ryorin.contexts.gateway.queries import GetSpend, ListProviders, SpendReport
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.messages import Actor, Command, OrgId, Scope
from tests.steps import ADMIN
from tests.upstream import Reply, Upstream, event, fails, never_ends, says

PRICE = PriceTable(input=1_000_000, output=1_000_000)  # a USD for each token


def completes(text: str, prompt: int = 2, completion: int = 3, **message: Any) -> Reply:
    async def reply(request: Request) -> Response:
        usage = {"prompt_tokens": prompt, "completion_tokens": completion}
        choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
        return JSONResponse({"choices": [choice], "usage": usage})

    return reply


async def send(app: App, *commands: Command) -> Consistency:
    """Send commands; the demand to see what they did."""
    demand = EVENTUAL
    for command in commands:
        receipt = await app.services.commands.send(command, ADMIN)
        demand = Consistency(receipt.record.position, 20)
    return demand


async def serve(app: App, upstream: Upstream, alias: str = "big", **more: Any) -> Consistency:
    """Register a model on the upstream under an alias."""
    provider = more.pop("provider", "example")
    spec = more.pop("spec", ProviderSpec(base_url=upstream.base_url))
    model = ModelSpec(more.pop("model", f"vendor/{alias}-1"), price=more.pop("price", PRICE), **more)
    return await send(
        app, PutProvider(provider=provider, spec=spec), PutModel(provider=provider, alias=alias, spec=model)
    )


async def talk(
    app: App, demand: Consistency = EVENTUAL, text: str = "Hi", alias: str = "big", actor: Actor = ADMIN, **more: Any
) -> Answer:
    query = AnswerQuestion(messages=(ChatMessage("user", text),), model=alias, **more)
    return await app.services.queries.ask(query, actor, demand)


async def report(app: App) -> SpendReport:
    await app.gateway.spending.write()
    return await app.services.queries.ask(GetSpend(), ADMIN)


async def test_a_registered_model_answers_and_moves_with_its_alias(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one"), completes("two")]
    demand = await serve(app, upstream)

    assert (await talk(app, demand)).text == "one"
    again = await talk(app)
    assert (again.text, again.cache) == ("one", "l1")

    moved = await serve(app, upstream, model="vendor/big-2")
    answer = await talk(app, moved)
    assert (answer.text, answer.cache) == ("two", "miss")
    assert [body["model"] for body in upstream.bodies] == ["vendor/big-1", "vendor/big-2"]

    back = await serve(app, upstream)
    # what it said before is right again
    assert (await talk(app, back)).text == "one"
    assert len(upstream.bodies) == 2

    gone = await send(app, RemoveModel(provider="example", alias="big"))
    with pytest.raises(ModelNotFound, match="there are extractive, smollm2"):
        await talk(app, gone)


async def test_models_belong_to_their_organisation(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one")]
    demand = await serve(app, upstream)
    stranger = Actor(OrgId("other"), "key:x", frozenset({Scope.ADMIN}))

    with pytest.raises(ModelNotFound):
        await talk(app, demand, actor=stranger)
    assert "big" not in [view.id for view in await app.services.queries.ask(ListModels(), stranger)]
    assert "big" in [view.id for view in await app.services.queries.ask(ListModels(), ADMIN)]
    with pytest.raises(Forbidden):
        await app.services.commands.send(
            PutProvider(provider="x", spec=ProviderSpec(base_url=upstream.base_url)),
            replace(ADMIN, scopes=frozenset({Scope.ANSWERS_READ})),
        )


async def test_a_secret_is_found_by_reference_and_is_nowhere_else(
    app: App,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    upstream.replies = [fails(500), completes("one"), fails(401), completes("two"), completes("three")]
    monkeypatch.setenv("RYORIN_SECRET_EXAMPLE", "sk-live-1")
    spec = ProviderSpec(base_url=upstream.base_url, secret="env:RYORIN_SECRET_EXAMPLE")
    demand = await serve(app, upstream, spec=spec)
    assert (await talk(app, demand)).text == "one"

    # revoked: told as such, and used again as soon as it is another one
    with pytest.raises(ModelUnavailable, match="refuses our credential"):
        await talk(app, text="And now?")
    monkeypatch.setenv("RYORIN_SECRET_EXAMPLE", "sk-live-2")
    assert (await talk(app, text="And now?")).text == "two"

    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "example").write_text("sk-live-3\n")
    demand = await serve(app, upstream, spec=replace(spec, secret="file:example"))
    assert (await talk(app, demand, "Hm?")).text == "three"

    assert upstream.keys == [f"Bearer sk-live-{number}" for number in (1, 1, 1, 2, 3)]
    views = await app.services.queries.ask(ListProviders(), ADMIN)
    assert [view.secret for view in views] == [True]
    rows = await app.base.pool.fetch("SELECT data::text || metadata::text AS said FROM events")
    commands = await app.base.pool.fetch("SELECT to_jsonb(commands)::text AS said FROM commands")
    assert "sk-live" not in json.dumps([*rows, *commands])
    assert "sk-live" not in caplog.text


async def test_a_fallback_answers_when_the_provider_does_not(app: App, upstream: Upstream) -> None:
    faults: dict[str, Reply] = {
        "500": fails(500),
        "503": fails(503, retry_after="0"),
        "malformed": says("data: {not json\n\n"),
        "error": says('data: {"error": {"message": "overloaded"}}\n\n'),
        "page": says("<html>a proxy's page</html>"),
        "hangs": never_ends(upstream),
    }

    async def reply(request: Request) -> Response:
        name = str((await request.json())["model"]).removeprefix("vendor/").removesuffix("-1")
        return await faults.get(name, completes("from the other"))(request)

    upstream.replies = [reply]
    quick = ProviderSpec(base_url=upstream.base_url, silence_seconds=0.3)
    for fault in faults:
        await serve(app, upstream, alias=fault, provider=fault, spec=quick, fallbacks=("other",))
    demand = await serve(app, upstream, alias="other", provider="another")

    for fault in faults:
        answer = await talk(app, demand, alias=fault)
        assert (answer.text, answer.served_by) == ("from the other", "another/vendor/other-1"), fault
        assert answer.degraded == ("fallback:other",)
        # it is not kept for the one that was asked
        assert (await talk(app, alias=fault)).cache == "miss"

    # only the one that answered is paid for
    uses = (await report(app)).uses
    assert {use.alias: (use.calls - use.failed, use.usd) for use in uses} == {
        **dict.fromkeys(faults, (0, 0)),
        "other": (2 * len(faults), 5.0 * 2 * len(faults)),
    }


async def test_a_stream_cut_in_the_middle_is_an_error_and_paid_for_once(app: App, upstream: Upstream) -> None:
    upstream.replies = [says(event("Nine o'clo"))]
    demand = await serve(app, upstream, fallbacks=("other",))
    await serve(app, upstream, alias="other", provider="another")
    query = AnswerQuestion(messages=(ChatMessage("user", "When?"),), model="big")

    said = []
    with pytest.raises(ModelUnavailable, match="in the middle"):
        async for part in app.services.queries.stream(query, ADMIN, demand):
            said.append(part.text)

    assert "".join(said) == "Nine o'clo"
    found = await report(app)
    assert [(use.alias, use.calls, use.failed) for use in found.uses] == [("big", 1, 1)]
    assert len(upstream.bodies) == 1


async def test_a_limit_is_told_with_its_pause(app: App, upstream: Upstream) -> None:
    upstream.replies = [fails(429, "slow down", retry_after="40")]
    demand = await serve(app, upstream)

    with pytest.raises(ModelLimited) as limited:
        await talk(app, demand)
    assert limited.value.retry_after == 40
    with pytest.raises(ModelLimited, match=r"take no more calls for (39|40) s"):
        await talk(app)
    assert len(upstream.bodies) == 1


async def test_200_at_a_time_never_spend_more_than_the_budget_of_50(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("yes", prompt=2, completion=3)]
    demand = await serve(app, upstream)
    budget = Budget("organisation", 50 * 5.0, "total")
    demand = await send(app, SetBudget(usd=budget.usd, period=budget.period))
    # what is set aside is what it will cost: two tokens of the prompt, three of the answer
    sampling = SamplingOptions(max_tokens=3)

    async def one(number: int) -> str:
        try:
            return (await talk(app, demand, f"{number:03}", sampling=sampling, use_cache=False)).text
        except BudgetExceeded:
            return "no"

    said = await asyncio.gather(*(one(number) for number in range(200)))

    found = await report(app)
    (left,) = found.budgets
    assert left.spent_usd == found.usd == 5.0 * said.count("yes")
    assert left.reserved_usd == 0
    assert left.spent_usd <= budget.usd
    assert said.count("yes") == 50
    # what is cached costs nothing and goes on
    upstream.replies = [completes("never asked")]
    with pytest.raises(BudgetExceeded, match="250 USD, in all"):
        await talk(app, text="one more", sampling=sampling)


async def test_reservations_of_the_dead_are_counted_as_spent(app: App) -> None:
    spending = PostgresSpending(app.base.pool, TimeOrderedIds())
    budgets = [Budget("organisation", 10, "day"), Budget("key:abc", 4, "month")]
    org = OrgId("a")

    await spending.reserve(org, budgets, 3)
    with pytest.raises(BudgetExceeded, match="key:abc"):
        await spending.reserve(org, budgets, 3)
    late = await spending.reserve(org, budgets[:1], 2)
    assert [(view.spent_usd, view.reserved_usd) for view in await spending.budgets(org, budgets)] == [(0, 5), (0, 3)]

    await app.base.pool.execute("UPDATE gateway_reservations SET expires_at = now() - interval '1 second'")
    await spending.purge()
    await spending.settle(late, 1)

    assert [(view.spent_usd, view.reserved_usd) for view in await spending.budgets(org, budgets)] == [(5, 0), (3, 0)]


async def test_tools_and_forms_are_passed_on_and_their_answers_kept(app: App, upstream: Upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "東京"}'}}
    upstream.replies = [completes("", tool_calls=[call])]
    demand = await serve(app, upstream)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = ToolUse((Tool("weather", "The weather", schema),), "weather", parallel=False)
    form = AnswerForm(schema, "place", strict=True)

    for layer in ("miss", "l1"):
        answer = await talk(app, demand, "東京の天気は？", tools=tools, form=form)
        assert [(one.name, one.arguments) for one in answer.calls] == [("weather", '{"city": "東京"}')]
        assert answer.cache == layer

    body = upstream.bodies[0]
    assert body["tools"][0]["function"] == {"name": "weather", "description": "The weather", "parameters": schema}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["parallel_tool_calls"] is False
    assert body["response_format"]["json_schema"] == {"name": "place", "schema": schema, "strict": True}

    # another tool is another question
    others = replace(tools, tools=(*tools.tools, Tool("time")))
    assert (await talk(app, demand, "東京の天気は？", tools=others, form=form)).cache == "miss"


async def test_the_quickest_of_several_providers_is_asked(app: App, upstream: Upstream) -> None:
    asked: list[str] = []

    def slow(seconds: Sequence[float]) -> Reply:
        async def reply(request: Request) -> Response:
            model = (await request.json())["model"]
            asked.append(model)
            await asyncio.sleep(seconds[0] if model == "vendor/slow" else seconds[1])
            return await completes(model)(request)

        return reply

    upstream.replies = [slow((0.3, 0.0))]
    await serve(app, upstream, provider="a", model="vendor/slow")
    demand = await serve(app, upstream, provider="b", model="vendor/quick")

    for number in range(8):
        await talk(app, demand, str(number))

    assert asked.count("vendor/quick") >= 6
