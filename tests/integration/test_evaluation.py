"""Datasets and evaluations on PostgreSQL: what is asked, measured, compared, and what goes on after a failure."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ryorin.bootstrap.app import App
from ryorin.contexts.evaluation.commands import PutDataset, RemoveDataset, RunEvaluation
from ryorin.contexts.evaluation.errors import DatasetNotFound, EvaluationNotFound, NotComparable
from ryorin.contexts.evaluation.queries import (
    CompareEvaluations,
    ForecastEvaluation,
    GetDataset,
    GetEvaluation,
    ListDatasets,
    ListEvaluations,
    ListItems,
    ListResults,
)
from ryorin.contexts.evaluation.specs import DatasetItem, EvaluationSpec, Metric, StopRule, Target
from ryorin.contexts.gateway.catalogue import ModelSpec, PriceTable, ProviderSpec
from ryorin.contexts.gateway.commands import PutModel, PutProvider
from ryorin.contexts.gateway.queries import CATALOGUE_MODEL
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.contexts.prompts.commands import CreatePromptVersion, GatePromptLabel, MovePromptLabel
from ryorin.contexts.prompts.errors import GateClosed
from ryorin.contexts.prompts.queries import ListPrompts
from ryorin.contexts.prompts.versions import LabelGate, PromptMessage
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, Command, OrgId, Scope
from tests.integration.test_gateway import completes
from tests.steps import ADMIN, put, seen
from tests.upstream import Reply, Upstream

STRANGER = Actor(OrgId("other"), "key:x", frozenset({Scope.ADMIN}))
ITEMS = [
    DatasetItem(f"{number:02}", f"What is {number} + {number}?", expected=str(2 * number), split="test")
    for number in range(1, 21)
]


async def send(app: App, *commands: Command, actor: Actor = ADMIN) -> Consistency:
    demand = EVENTUAL
    for command in commands:
        receipt = await app.services.commands.send(command, actor)
        demand = Consistency(receipt.record.position, 20)
    return demand


async def serve(app: App, upstream: Upstream) -> None:
    price = ModelSpec("vendor/big", price=PriceTable(input=1.0, output=2.0))
    demand = await send(
        app,
        PutProvider(provider="example", spec=ProviderSpec(base_url=upstream.base_url)),
        PutModel(provider="example", alias="big", spec=price, priced=True),
    )
    assert demand.token is not None
    assert await app.services.positions.wait_for((CATALOGUE_MODEL,), demand.token, 20)


async def dataset(app: App, items: list[DatasetItem] = ITEMS, name: str = "sums") -> Consistency:
    kept = await app.services.keep_items(ADMIN, items)
    demand = await send(app, PutDataset(dataset=name, content_hash=kept))
    await app.services.queries.ask(GetDataset(dataset=name), ADMIN, demand)
    return demand


def spec(*metrics: Metric, **target: Any) -> EvaluationSpec:
    return EvaluationSpec(Target(**{"model": "big", **target}), "sums", 1, "test", metrics or (Metric("numeric"),))


async def run(app: App, name: str, what: EvaluationSpec, state: str = "succeeded") -> tuple[CommandView, Consistency]:
    receipt = await app.services.commands.send(RunEvaluation(evaluation=name, spec=what), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=30), ADMIN)
    assert view.state == state, view
    return view, Consistency(LogPosition.parse(view.position) if view.position else None, 20)


def sums(wrong: frozenset[int] = frozenset()) -> Reply:
    """Answers sums; those of some numbers wrongly."""

    async def reply(request: Request) -> Response:
        asked = (await request.json())["messages"][-1]["content"]
        number = int(asked.split()[2])
        return await completes(f"It is {2 * number + (number in wrong)}.")(request)

    return reply


async def test_what_is_measured_and_compared(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    await dataset(app)
    ask = app.services.queries.ask
    upstream.replies = [sums(frozenset(range(1, 15)))]
    first, _ = await run(app, "before", spec(Metric("numeric", threshold=1.0), Metric("similarity")))
    assert first.result is not None
    upstream.replies = [sums()]
    _, demand = await run(app, "after", spec(Metric("numeric", threshold=1.0), Metric("similarity")))

    found = await ask(GetEvaluation(evaluation="before"), ADMIN, demand)
    assert found.summary is not None
    numeric, similar = found.summary.metrics
    assert (numeric.mean, numeric.passed, numeric.scored) == (pytest.approx(0.3), 6, 20)
    assert similar.mean is not None and 0 < similar.mean < 1
    assert found.summary.usd > 0 and found.summary.latency_p50_ms is not None
    compared = await ask(CompareEvaluations(first="before", second="after"), ADMIN)
    assert compared.metrics[0].verdict == "better"
    assert compared.metrics[0].difference == pytest.approx(0.7)
    page = await ask(ListResults(evaluation="before", offset=15, limit=3), ADMIN)
    assert [one.item for one in page.results] == ["16", "17", "18"]
    assert (page.next_offset, page.results[0].answered.text) == (18, "It is 32.")  # type: ignore[union-attr]
    assert [one.name for one in await ask(ListEvaluations(dataset="sums"), ADMIN)] == ["after", "before"]
    forecast = await ask(ForecastEvaluation(dataset="sums", split="test"), ADMIN)
    assert (forecast.items, forecast.based_on) == (20, "after")
    assert forecast.usd == pytest.approx(found.summary.usd) and 0 < forecast.detectable["numeric"] < 1
    other, _ = await run(app, "after", spec(Metric("exact")), "failed")
    assert other.error is not None and "choose another name" in str(other.error)


async def test_a_prompt_is_evaluated_by_its_version(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    version = CreatePromptVersion(prompt="adder", messages=(PromptMessage("user", "Add {{a}} and {{a}}."),))
    await send(app, version)
    items = [
        DatasetItem("1", variables={"a": 1}, expected="2", split="test"),
        DatasetItem("2", variables={"b": 1}, expected="2", split="test"),
    ]
    await dataset(app, items)
    upstream.replies = [completes("2")]
    _, demand = await run(app, "adder", spec(Metric("exact"), prompt="adder", version=1))

    assert [body["messages"][-1]["content"] for body in upstream.bodies] == ["Add 1 and 1."]
    found = await app.services.queries.ask(GetEvaluation(evaluation="adder"), ADMIN, demand)
    assert found.summary is not None
    # an item that cannot be asked is an error of its own, and no zero
    assert (found.summary.errors, found.summary.metrics[0].mean, found.summary.metrics[0].scored) == (1, 1.0, 1)
    results = (await app.services.queries.ask(ListResults(evaluation="adder"), ADMIN)).results
    assert [one.error for one in results] == [None, "invalid_input"]


async def test_a_provider_that_fails_ends_an_attempt_and_loses_nothing(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    await dataset(app)

    async def away(request: Request) -> Response:
        return JSONResponse({"error": {"message": "later"}}, 503)

    upstream.replies = [*[sums()] * 7, away]
    what = EvaluationSpec(Target(model="big"), "sums", 1, None, (Metric("numeric"),), concurrency=1)
    receipt = await app.services.commands.send(RunEvaluation(evaluation="bumpy", spec=what), ADMIN)
    while not (view := await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id), ADMIN)).error:
        await asyncio.sleep(0.05)
    # it is tried again later, by itself
    assert (view.state, view.ended) == ("failed", False)
    page = await app.services.queries.ask(ListResults(evaluation="bumpy"), ADMIN)
    assert [one.error for one in page.results] == [None] * 7


async def test_a_judge_gives_a_score_or_none(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    await dataset(app, [DatasetItem("1", "Why?", rubric="Says because", split="test")])

    def answers(judged: str, text: str) -> Reply:
        async def reply(request: Request) -> Response:
            messages = (await request.json())["messages"]
            judging = messages[0]["role"] == "system"
            if judging:
                assert "Says because" in messages[1]["content"] and text in messages[1]["content"]
            return await completes(judged if judging else text)(request)

        return reply

    outcomes = []
    for number, said in enumerate(('So: {"score": 0.75, "reason": "fine"}', "It is good.", '{"score": 7}')):
        upstream.replies = [answers(said, f"Because {number}.")]
        await run(app, f"judged-{number}", spec(Metric("judge", model="big"), seed=number))
        page = await app.services.queries.ask(ListResults(evaluation=f"judged-{number}"), ADMIN)
        score = page.results[0].scores["judge"]
        outcomes.append((score.outcome, score.value))
    assert outcomes == [("scored", 0.75), ("abstained", None), ("abstained", None)]


async def test_grounded_answers_are_measured_with_their_contexts(app: App) -> None:
    await put(app, "hours.md", "# Hours\n\nThe office opens at nine.\n")
    changed = await put(app, "coffee.md", "# Coffee\n\nCoffee is free.\n")
    await app.services.queries.ask(ListDatasets(), ADMIN, seen(changed))
    await dataset(app, [DatasetItem("1", "When does the office open?", expected="at nine", split="test")])
    await run(app, "grounded", spec(Metric("contains"), model="extractive", collection="docs"))

    page = await app.services.queries.ask(ListResults(evaluation="grounded"), ADMIN)
    assert page.results[0].scores["contains"].value == 1.0
    assert "opens at nine" in page.results[0].answered.contexts[0]  # type: ignore[union-attr]


async def test_datasets_have_versions_and_belong_to_their_organisation(app: App) -> None:
    await dataset(app)
    ask = app.services.queries.ask
    demand = await dataset(app)
    assert (await ask(GetDataset(dataset="sums"), ADMIN, demand)).version == 1
    demand = await dataset(app, [*ITEMS, DatasetItem("x", "?")])
    newest = await ask(GetDataset(dataset="sums"), ADMIN, demand)
    assert (newest.version, sum(newest.splits.values())) == (2, 21)
    page = await ask(ListItems(dataset="sums", version=1, split="test", limit=2), ADMIN)
    assert ([one.id for one in page.items], page.next_offset) == (["01", "02"], 2)
    for query in (GetDataset(dataset="sums"), ListItems(dataset="sums"), ForecastEvaluation(dataset="sums")):
        with pytest.raises(DatasetNotFound):
            await ask(query, STRANGER)
    with pytest.raises(EvaluationNotFound):
        await ask(GetEvaluation(evaluation="nothing"), ADMIN)
    gone = await send(app, RemoveDataset(dataset="sums"))
    with pytest.raises(DatasetNotFound):
        await ask(GetDataset(dataset="sums"), ADMIN, gone)
    reader = Actor(ADMIN.org_id, "key:r", frozenset({Scope.ANSWERS_READ}))
    with pytest.raises(Forbidden):
        await app.services.keep_items(reader, ITEMS)


async def test_what_cannot_be_compared_is_said(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    await dataset(app)
    await dataset(app, ITEMS[:5], "few")
    upstream.replies = [sums()]
    await run(app, "all", spec())
    _, demand = await run(app, "some", EvaluationSpec(Target(model="big"), "few", 1, "test", (Metric("numeric"),)))
    with pytest.raises(NotComparable, match=r"'all' is of sums@1 \(test\) and 'some' of few@1"):
        await app.services.queries.ask(CompareEvaluations(first="all", second="some"), ADMIN, demand)


async def test_a_label_with_a_gate_moves_when_a_comparison_shows_it(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    await dataset(app)

    def version(text: str, *labels: str) -> CreatePromptVersion:
        messages = (PromptMessage("system", text),)
        return CreatePromptVersion(prompt="adder", messages=messages, labels=labels)

    def move(number: int) -> MovePromptLabel:
        return MovePromptLabel(prompt="adder", label="production", version=number)

    gate = LabelGate("sums", "numeric", "test")
    await send(app, version("One.", "production"), GatePromptLabel(prompt="adder", label="production", gate=gate))
    await send(app, version("Two."))
    with pytest.raises(GateClosed, match="compared by numeric on sums"):
        await send(app, version("Three.", "production"))
    with pytest.raises(GateClosed, match=r"no evaluation of version 2 and 1 on sums \(test\) by numeric"):
        await send(app, move(2))
    for number, wrong in ((1, range(1, 15)), (2, range(0))):
        upstream.replies = [sums(frozenset(wrong))]
        _, demand = await run(app, f"adder-{number}", spec(prompt="adder", version=number))
        await app.services.queries.ask(ListEvaluations(), ADMIN, demand)
    await send(app, move(2))
    # the way back is open
    await send(app, move(1), move(2))
    await send(app, version("Three."))
    upstream.replies = [sums(frozenset({1}))]
    _, demand = await run(app, "adder-3", spec(prompt="adder", version=3))
    await app.services.queries.ask(ListEvaluations(), ADMIN, demand)
    with pytest.raises(GateClosed, match=r"1\.000 to 0\.950 on 20 items .* evidence"):
        await send(app, move(3))
    # an admin may mean it all the same
    await send(app, MovePromptLabel(prompt="adder", label="production", version=3, protected=True))
    (view,) = await app.services.queries.ask(ListPrompts(), ADMIN, demand)
    assert view.about.gates == {"production": gate}
    await send(app, GatePromptLabel(prompt="adder", label="production"), version("Four.", "production"))


async def test_a_run_stops_when_enough_is_known(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    many = [DatasetItem(f"{n:03}", f"What is {n} + {n}?", expected=str(2 * n), split="test") for n in range(1, 151)]
    await dataset(app, many)
    upstream.replies = [sums(frozenset(range(1, 200)))]
    _, demand = await run(app, "before", spec(Metric("numeric")))
    await app.services.queries.ask(GetEvaluation(evaluation="before"), ADMIN, demand)
    upstream.replies, upstream.bodies = [sums()], []
    rule = StopRule("before", "numeric")
    _, demand = await run(app, "after", replace(spec(Metric("numeric")), stop=rule))
    found = await app.services.queries.ask(GetEvaluation(evaluation="after"), ADMIN, demand)
    assert found.summary is not None and found.summary.planned == 150
    assert "to be better than before in numeric" in found.summary.stopped
    # what was being asked when it was known comes in too
    assert 5 < found.summary.items <= 60 and len(upstream.bodies) == found.summary.items
    compared = await app.services.queries.ask(CompareEvaluations(first="before", second="after"), ADMIN)
    assert compared.metrics[0].verdict == "better" and compared.metrics[0].evidence >= 40
    view, _ = await run(app, "other", replace(spec(Metric("numeric")), stop=StopRule("none", "numeric")), "failed")
    assert view.error is not None and "no evaluation" in str(view.error)


async def test_a_judge_prefers_in_both_orders_or_not_at_all(app: App, upstream: Upstream) -> None:
    """Of three items the first is better, of the second the judge likes what it reads first, the third is the same."""
    await serve(app, upstream)
    await dataset(app, ITEMS[:3])

    def answering(word: str) -> Reply:
        async def reply(request: Request) -> Response:
            text = (await request.json())["messages"][-1]["content"]
            if "## Answer A" not in text:
                return await completes("same" if "3 +" in text else f"{word} for {text}")(request)
            ours_first = text.index("new") < text.index("old")
            better = ("A" if ours_first else "B") if "1 +" in text else "A"
            return await completes(json.dumps({"reason": "so", "better": better}))(request)

        return reply

    upstream.replies = [answering("old")]
    await run(app, "before", spec(Metric("contains")))
    upstream.replies = [answering("new")]
    await run(app, "after", spec(Metric("pairwise", "before", model="big")))
    page = await app.services.queries.ask(ListResults(evaluation="after"), ADMIN)
    scores = [one.scores["pairwise"] for one in page.results]
    assert [one.value for one in scores] == [1.0, 0.5, 0.5]
    assert "its place and not the answer" in scores[1].detail and scores[2].detail == "both say the same"
