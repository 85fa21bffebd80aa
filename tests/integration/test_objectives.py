"""Answers given with prompts are counted, stored, scored and judged; objectives burn; webhooks hear of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.settings import FetchSettings, Settings
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, GroundingOptions, PromptUse
from ryorin.contexts.evaluation.commands import PutDataset
from ryorin.contexts.evaluation.queries import ListItems
from ryorin.contexts.knowledge.commands import EraseDocument
from ryorin.contexts.operations.queries import CommandView, ListCommands
from ryorin.contexts.prompts.commands import CreatePromptVersion, MovePromptLabel
from ryorin.contexts.prompts.queries import PROMPTS_MODEL
from ryorin.contexts.prompts.versions import PromptMessage
from ryorin.contexts.traffic.commands import AssessObjective, GiveFeedback, PutObjective, RemoveObjective
from ryorin.contexts.traffic.errors import ObjectiveNotFound, SampleNotFound
from ryorin.contexts.traffic.queries import (
    TRAFFIC_MODEL,
    GetObjective,
    GetPromptUsage,
    ListObjectives,
    ListSamples,
    ObjectiveView,
    SamplesPage,
)
from ryorin.contexts.traffic.specs import ObjectiveSpec
from ryorin.contexts.webhooks.commands import PutWebhook, RemoveWebhook
from ryorin.contexts.webhooks.errors import WebhookNotFound
from ryorin.contexts.webhooks.queries import WEBHOOKS_MODEL
from ryorin.contexts.webhooks.specs import WebhookSpec
from ryorin.kernel.errors import InvalidInput, RyorinError
from ryorin.kernel.events import Stream
from ryorin.kernel.messages import Actor, Command
from ryorin.processes.collect_items import items_of
from tests.integration.test_evaluation import STRANGER, send, serve
from tests.integration.test_gateway import completes
from tests.steps import ADMIN, put, seen
from tests.upstream import Upstream, fails

LATENCY = ObjectiveSpec("adder", "production", "latency", target=0.99, threshold=10_000)
ERRORS = ObjectiveSpec("adder", "production", "errors", target=0.95)
QUALITY = ObjectiveSpec(
    "adder", "production", "quality", target=0.9, threshold=0.5, metric="regex", option=r"^\d+$", sample=1.0
)


async def settled(app: App, model: str, *commands: Command, actor: Actor = ADMIN) -> None:
    demand = await send(app, *commands, actor=actor)
    assert demand.token is not None
    assert await app.services.positions.wait_for((model,), demand.token, 20)


async def adder(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    version = CreatePromptVersion(prompt="adder", messages=(PromptMessage("user", "Add {{a}} and 1."),))
    await settled(app, PROMPTS_MODEL, version, MovePromptLabel(prompt="adder", label="production", version=1))


async def run(app: App, a: int, said: str = "Please.", version: int | None = None, cache: bool = True) -> Answer:
    query = AnswerQuestion(
        messages=(ChatMessage("user", said),),
        model="big",
        prompt=PromptUse("adder", version=version, variables={"a": a}),
        use_cache=cache,
    )
    answer: Answer = await app.services.queries.ask(query, ADMIN)
    return answer


async def scored(app: App) -> None:
    """All that was given is stored and scored, be it by the server's own worker."""
    await app.ledgers.traffic.write()
    await app.features.observing.scorer.work()

    async def done() -> bool:
        return not await app.base.pool.fetch("SELECT 1 FROM answer_samples WHERE scored_at IS NULL")

    await until(done)


async def until(check: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.05)


async def samples(app: App, actor: Actor = ADMIN, **more: object) -> SamplesPage:
    page: SamplesPage = await app.services.queries.ask(ListSamples(prompt="adder", **more), actor)  # type: ignore[arg-type]
    return page


async def level(app: App, name: str) -> ObjectiveView:
    found = await app.services.queries.ask(ListObjectives(), ADMIN)
    return next(one for one in found if one.name == name)


async def test_usage_and_cost_by_version(app: App, upstream: Upstream) -> None:
    await adder(app, upstream)
    upstream.replies = [completes("2")]
    await run(app, 1)
    again = await run(app, 1)
    assert again.cache != "miss"
    await run(app, 2, version=1)
    upstream.replies = [fails(400)]
    with pytest.raises(RyorinError):
        await run(app, 3)
    upstream.replies = [fails(503)]
    with pytest.raises(RyorinError):
        await run(app, 4)
    await app.ledgers.traffic.write()

    by_label = {one.label: one for one in await app.services.queries.ask(GetPromptUsage(prompt="adder"), ADMIN)}
    labelled, numbered = by_label["production"].totals, by_label[""].totals
    # the refused one was a mistake in the request, and no failure of the prompt
    assert (labelled.answers, labelled.cached, labelled.failed) == (2, 1, 1)
    assert (numbered.answers, numbered.cached, numbered.failed) == (1, 0, 0)
    assert labelled.usd == pytest.approx(numbered.usd) and labelled.usd > 0
    assert labelled.prompt_tokens == numbered.prompt_tokens > 0
    assert by_label[""].latency_p50_ms is not None
    assert await app.services.queries.ask(GetPromptUsage(prompt="adder"), STRANGER) == ()


async def test_latency_and_errors_burn_their_budgets(app: App, upstream: Upstream) -> None:
    await adder(app, upstream)
    await settled(
        app, TRAFFIC_MODEL, PutObjective(objective="fast", spec=LATENCY), PutObjective(objective="up", spec=ERRORS)
    )
    upstream.replies = [completes("2")]
    for number in range(12):
        await run(app, number)
    await app.ledgers.traffic.write()
    for name in ("fast", "up"):
        report = await app.services.queries.ask(GetObjective(objective=name), ADMIN)
        assert (report.status.counted, report.status.good, report.status.budget_left) == (12, 12, 1.0)
    upstream.replies = [fails(503)]
    for number in range(12, 42):
        with pytest.raises(RyorinError):
            await run(app, number)
    await app.ledgers.traffic.write()
    await app.features.observing.watch.look()

    await until(lambda: _is(app, "up", "page"))
    assert (await level(app, "fast")).level == "ok"
    assert b'ryorin_objectives_burning{level="page"} 1.0' in await app.services.metrics()
    assert "burns" in (await level(app, "up")).told
    # assessed again, nothing is recorded again
    demand = await send(app, AssessObjective(objective="up"))
    stream = [one async for one in _events(app, "up")]
    assert stream == ["traffic.objective_put", "traffic.objective_level_changed"], demand
    await settled(app, TRAFFIC_MODEL, RemoveObjective(objective="up"))
    with pytest.raises(ObjectiveNotFound):
        await app.services.queries.ask(GetObjective(objective="up"), ADMIN)
    with pytest.raises(ObjectiveNotFound):
        await send(app, AssessObjective(objective="fast"), actor=STRANGER)


async def _is(app: App, name: str, wanted: str) -> bool:
    return (await level(app, name)).level == wanted


async def _events(app: App, name: str) -> AsyncIterator[str]:
    for recorded in await app.base.events.read_stream(Stream(ADMIN.org_id, "objective", name)):
        yield recorded.event.type


async def test_answers_are_stored_scored_judged_and_become_a_dataset(app: App, upstream: Upstream) -> None:
    await adder(app, upstream)
    await settled(app, TRAFFIC_MODEL, PutObjective(objective="digits", spec=QUALITY))
    upstream.replies = [completes("2"), completes("It is 3.")]
    good, bad = await run(app, 1), await run(app, 2)
    await scored(app)

    page = await samples(app)
    found = {view.sample.answer_id: view for view in page.samples}
    assert {id: view.scores[0].value for id, view in found.items()} == {good.id: 1.0, bad.id: 0.0}
    assert found[good.id].sample.variables == {"a": 1} and found[good.id].sample.question == "Please."
    report = await app.services.queries.ask(GetObjective(objective="digits"), ADMIN)
    assert (report.status.counted, report.status.good) == (2, 1)
    # who may read less than who asked, reads none of it
    assert (await samples(app, STRANGER)).samples == ()
    assert (await samples(app, Actor(ADMIN.org_id, "key:x", ADMIN.scopes, ("*", "user:x")))).samples == ()

    said = await app.services.keep_feedback(ADMIN, "3", "only the number")
    await send(app, GiveFeedback(answer=bad.id, rating="bad", said=said), GiveFeedback(answer=good.id, rating="good"))
    with pytest.raises(SampleNotFound):
        await send(app, GiveFeedback(answer="chatcmpl-none", rating="good"))
    with pytest.raises(SampleNotFound):
        await send(app, GiveFeedback(answer=good.id, rating="good"), actor=STRANGER)
    assert [view.sample.answer_id for view in (await samples(app, rating="bad")).samples] == [bad.id]
    kept = await app.services.keep_items(ADMIN, items_of((await samples(app)).samples))
    demand = await send(app, PutDataset(dataset="production", content_hash=kept))
    items = (await app.services.queries.ask(ListItems(dataset="production"), ADMIN, demand)).items
    assert {item.variables["a"]: item.expected for item in items} == {1: "2", 2: "3"}
    for comment in ("\x00", "x" * 20_001, "\ud800"):
        with pytest.raises(InvalidInput):
            await app.services.keep_feedback(ADMIN, None, comment)
    # said anew it counts once
    await send(app, GiveFeedback(answer=bad.id, rating="good"))
    (view,) = [view for view in (await samples(app)).samples if view.sample.answer_id == bad.id]
    assert [(one.rating, one.correction) for one in view.feedback] == [("good", None)]


async def test_minutes_become_hours_and_what_is_old_goes(app: App, upstream: Upstream) -> None:
    await adder(app, upstream)
    await settled(app, TRAFFIC_MODEL, PutObjective(objective="fast", spec=LATENCY))
    upstream.replies = [completes("2")]
    for number in range(3):
        await run(app, number)
    await app.ledgers.traffic.write()
    pool = app.base.pool
    for table in ("prompt_traffic", "prompt_histograms"):
        await pool.execute(f"UPDATE {table} SET minute = minute - interval '3 days'")
    await app.ledgers.traffic.tidy()
    await app.ledgers.traffic.tidy()
    rows = await pool.fetch("SELECT sum(answers)::int AS n, count(DISTINCT minute)::int AS at FROM prompt_traffic")
    assert rows == [{"n": 3, "at": 1}]
    (found,) = await pool.fetch("SELECT minute = date_trunc('hour', minute) AS whole FROM prompt_traffic")
    assert found["whole"]
    report = await app.services.queries.ask(GetObjective(objective="fast"), ADMIN)
    assert (report.status.counted, report.status.burns[0].long) == (3, 0.0)
    await pool.execute("UPDATE prompt_traffic SET minute = minute - interval '40 days'")
    await app.ledgers.traffic.tidy()
    assert await pool.fetch("SELECT 1 FROM prompt_traffic") == []


@dataclass
class Receiver:
    """Somebody who is told."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [200])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        self.heard.append((dict(request.headers), await request.body()))
        return Response(status_code=self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        told.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        app = Starlette(routes=[Route("/hook", told.handle, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield told
        server.should_exit = True
        thread.join()


@pytest.fixture
async def telling(database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[App]:
    """A Ryorin that may send to this machine."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pager").write_text("whsec_" + base64.b64encode(b"a secret of ours").decode())
    settings = Settings(
        database_url=database_url, data_dir=tmp_path, fetch=FetchSettings(allowed_hosts=("127.0.0.1",), timeout=5)
    )
    async with open_app(settings, engines={"default": engine}) as running:
        yield running


async def deliveries(app: App, state: str) -> list[CommandView]:
    found = await app.services.queries.ask(ListCommands(command_name="webhooks.deliver"), ADMIN)
    return [one for one in found if one.state == state]


async def test_webhooks_are_signed_and_tried_again(telling: App, upstream: Upstream, receiver: Receiver) -> None:
    app = telling
    await adder(app, upstream)
    spec = WebhookSpec(receiver.url, ("traffic.objective_level_changed",), "file:pager")
    await settled(app, WEBHOOKS_MODEL, PutWebhook(webhook="pager", spec=spec))
    await settled(app, TRAFFIC_MODEL, PutObjective(objective="up", spec=ERRORS))
    upstream.replies = [fails(503)]
    for number in range(30):
        with pytest.raises(RyorinError):
            await run(app, number)
    await app.ledgers.traffic.write()
    receiver.answers = [503, 200]
    await app.features.observing.watch.look()
    await until(lambda: deliveries(app, "succeeded"), 30)

    assert len(receiver.heard) == 2
    first, second = receiver.heard
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    for headers, body in receiver.heard:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(b"a secret of ours", signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    told = json.loads(second[1])
    assert told["type"] == "traffic.objective_level_changed"
    assert (told["data"]["objective"], told["data"]["after"]) == ("up", "page")
    # a projection that is built anew tells nobody twice
    await app.projections.runners["webhooks.outbox"].rebuild()
    await asyncio.sleep(0.5)
    assert len(receiver.heard) == 2

    receiver.answers = [410]
    await send(app, RemoveObjective(objective="up"))
    await settled(app, TRAFFIC_MODEL, PutObjective(objective="up", spec=ERRORS))
    await app.features.observing.watch.look()
    await until(lambda: deliveries(app, "failed"), 30)
    assert len(receiver.heard) == 3
    await settled(app, WEBHOOKS_MODEL, RemoveWebhook(webhook="pager"))
    with pytest.raises(WebhookNotFound):
        await send(app, RemoveWebhook(webhook="pager"))


async def test_messages_do_not_tell_what_may_be_erased(telling: App, receiver: Receiver) -> None:
    spec = WebhookSpec(receiver.url, ("knowledge.*",), "file:pager")
    await settled(telling, WEBHOOKS_MODEL, PutWebhook(webhook="all", spec=spec))
    await put(telling, "hours", "# Secret title\n\nNine.", title="Secret title", tags=("hidden",), filename="secret.md")
    await until(lambda: deliveries(telling, "succeeded"), 30)
    told = [json.loads(body) for _, body in receiver.heard]
    assert {"hours"} == {one["data"]["document"] for one in told if "document" in one["data"]}
    assert "ecret" not in str(told) and "hidden" not in str(told)


async def test_webhooks_reach_public_addresses_only(app: App, receiver: Receiver, tmp_path: Path) -> None:
    spec = WebhookSpec(receiver.url, ("prompts.*",), "file:pager")
    with pytest.raises(InvalidInput, match="nothing under"):
        await send(app, PutWebhook(webhook="inside", spec=spec))
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets" / "pager").write_text("secret")
    await settled(app, WEBHOOKS_MODEL, PutWebhook(webhook="inside", spec=spec))
    await send(app, CreatePromptVersion(prompt="any", messages=(PromptMessage("user", "Say it."),)))
    await until(lambda: deliveries(app, "failed"), 30)
    assert receiver.heard == []
    for url, events, secret in (
        ("ftp://example.com", ("prompts.*",), "file:pager"),
        ("https://me:pw@example.com", ("prompts.*",), "file:pager"),
        ("https://example.com", ("identity.*",), "file:pager"),
        ("https://example.com", (), "file:pager"),
        ("https://example.com", ("prompts.*",), "whsec_plain"),
    ):
        with pytest.raises(InvalidInput):
            await send(app, PutWebhook(webhook="wrong", spec=WebhookSpec(url, events, secret)))


async def test_erased_documents_take_stored_answers_with_them(app: App, upstream: Upstream) -> None:
    document = await put(app, "hours", "# Hours\n\nThe office opens at nine on weekdays.\n")
    version = CreatePromptVersion(prompt="adder", messages=(PromptMessage("user", "Hello {{a}}."),))
    await settled(app, PROMPTS_MODEL, version, MovePromptLabel(prompt="adder", label="production", version=1))
    await settled(app, TRAFFIC_MODEL, PutObjective(objective="digits", spec=QUALITY))
    query = AnswerQuestion(
        messages=(ChatMessage("user", "When does the office open?"),),
        model="extractive",
        grounding=GroundingOptions("docs"),
        prompt=PromptUse("adder", variables={"a": 1}),
    )
    answer = await app.services.queries.ask(query, ADMIN, seen(document))
    await app.ledgers.traffic.write()
    (view,) = (await samples(app)).samples
    assert view.sample.documents == ("hours",) and "nine" in view.sample.text
    said = await app.services.keep_feedback(ADMIN, "At nine.", "")
    await send(app, GiveFeedback(answer=answer.id, rating="bad", said=said))
    await send(app, EraseDocument(collection="docs", document="hours"))
    await until(lambda: _no_samples(app))
    assert await app.base.pool.fetch("SELECT correction FROM answer_feedback") == [{"correction": None}]
    # an answer that waits to be stored while its document is erased is not stored any more
    app.ledgers.traffic.keep(ADMIN.org_id, replace(view.sample, id="late"))
    await app.ledgers.traffic.write()
    assert await _no_samples(app)


async def _no_samples(app: App) -> bool:
    return not (await samples(app)).samples


async def test_drift_of_questions_is_a_ticket(app: App, upstream: Upstream) -> None:
    await adder(app, upstream)
    drift = ObjectiveSpec("adder", "production", "drift", window_days=1, sample=1.0)
    await settled(app, TRAFFIC_MODEL, PutObjective(objective="same", spec=drift))
    upstream.replies = [completes("2")]
    about = ["the weather in spring", "the price of tea", "how a train is delayed", "when rice is planted"]
    for number in range(80):
        await run(app, number, f"Tell me about {about[number % 4]}, number {number}.")
    await scored(app)
    for table, column in (("prompt_histograms", "minute"), ("answer_samples", "asked_at")):
        await app.base.pool.execute(f"UPDATE {table} SET {column} = {column} - interval '2 days'")
    for number in range(80, 160):
        await run(app, number, f"Please translate order {number} of the shipping company into French.")
    await scored(app)

    await send(app, AssessObjective(objective="same"))
    await until(lambda: _is(app, "same", "ticket"))
    report = await app.services.queries.ask(GetObjective(objective="same"), ADMIN)
    drifted = {shift.measure for shift in report.status.shifts if shift.drifted}
    assert "vectors" in drifted
