"""The cache on the real stack: how fresh hits are, what is taken out, what remains while PostgreSQL is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks.upstream import UpstreamProcess
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.answers import PostgresAnswerStore
from ryorin.adapters.postgres.embedded import EmbeddedPostgres
from ryorin.bootstrap.app import App, open_app
from ryorin.bootstrap.background import Role
from ryorin.bootstrap.settings import ModelSettings, Settings
from ryorin.contexts.answers.accounting import CacheReport, GetCacheReport
from ryorin.contexts.answers.commands import FlushAnswers, WarmAnswers
from ryorin.contexts.answers.module import cache_key
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, CacheOptions, ChatMessage, GroundingOptions
from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.identity.module import LOCAL_ADMINISTRATOR
from ryorin.contexts.knowledge.commands import ConfigureCollection
from ryorin.contexts.knowledge.pipeline import CacheStage, Pipeline
from ryorin.contexts.operations.queries import GetCommand
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import InvalidInput, Unavailable
from tests.steps import ADMIN, ask, kept, put, seen

OFFICE = "# Office\n\nThe Tokyo office opens at nine.\n"
QUESTION = "When does the Tokyo office open?"


def grounded(text: str = QUESTION, **cache: object) -> AnswerQuestion:
    return AnswerQuestion(
        messages=(ChatMessage("user", text),),
        model="extractive",
        grounding=GroundingOptions("docs"),
        cache=CacheOptions(**cache),  # type: ignore[arg-type]  # options by name
    )


def plain(text: str = "Hello?") -> AnswerQuestion:
    return AnswerQuestion(messages=(ChatMessage("user", text),), model="mock")


async def asked(app: App, query: AnswerQuestion, demand: Consistency = EVENTUAL) -> Answer:
    return await app.services.queries.ask(query, LOCAL_ADMINISTRATOR, demand)


async def flush(app: App, **selection: object) -> tuple[int, Consistency]:
    command = FlushAnswers(selection=Selection(**selection))  # type: ignore[arg-type]  # parts by name
    record = (await app.services.commands.send(command, ADMIN)).record
    assert record.result is not None and record.position is not None
    count = record.result["answers"]
    assert isinstance(count, int)
    return count, Consistency(record.position, 20)


async def test_a_strict_hit_is_never_older_than_what_was_committed(app: App) -> None:
    await ask(app, QUESTION, seen(await put(app, "office.md", OFFICE.replace("nine", "hour 0"))))

    for hour in range(1, 15):
        written = await put(app, "office.md", OFFICE.replace("nine", f"hour {hour}"))
        # no token: whoever asks need not know of the write
        found = await ask(app, QUESTION)
        if found.cache in ("l1", "l2"):
            assert f"hour {hour}." in found.text
        await ask(app, QUESTION, seen(written))
        assert (await ask(app, QUESTION)).cache == "l1"


async def test_an_unrelated_change_costs_a_search_and_no_answer(app: App) -> None:
    made = await ask(app, QUESTION, seen(await put(app, "office.md", OFFICE)))

    # two documents fill no list: the new one enters, and the context of five is another one
    second = await put(app, "lake.md", "# Lake\n\nThe lake is deep.\n")
    other = await ask(app, QUESTION, seen(second))
    deleted = await put(app, "lake.md", "# Lake\n\nThe lake is deep. It freezes.\n")
    limited = replace(grounded(), grounding=GroundingOptions("docs", top_k=1))
    first = await asked(app, limited, seen(deleted))
    third = await put(app, "lake.md", "# Lake\n\nThe lake is shallow.\n")
    again = await asked(app, limited, seen(third))

    assert (other.cache, first.cache) == ("miss", "miss")
    assert (again.cache, again.id, again.citations) == ("revalidated", first.id, first.citations)
    assert made.id != other.id


async def test_a_collection_decides_how_fresh_its_answers_are(app: App) -> None:
    await put(app, "office.md", OFFICE)
    stage = CacheStage(freshness="bounded", max_staleness_seconds=60, stale_while_revalidate_seconds=600)
    receipt = await app.services.commands.send(
        ConfigureCollection(collection="docs", pipeline=Pipeline(cache=stage)), ADMIN
    )
    assert receipt.record.position is not None
    first = await ask(app, QUESTION, Consistency(receipt.record.position, 20))
    written = await put(app, "office.md", OFFICE.replace("nine", "ten"))
    await asked(app, grounded("anything else"), seen(written))
    # what collections decided is remembered for two seconds
    await asyncio.sleep(2.1)

    stale = await ask(app, QUESTION)
    async with asyncio.timeout(20):
        while (anew := await ask(app, QUESTION)).cache == "stale":
            await asyncio.sleep(0.02)

    assert (stale.cache, stale.id) == ("stale", first.id)
    assert "at ten" in anew.text


@dataclass
class Gateway:
    """A Ryorin with a model behind it, on a database that can be stopped."""

    app: App
    upstream: UpstreamProcess
    folder: Path
    server: EmbeddedPostgres

    @property
    def identity(self) -> str:
        """What stands behind the model."""
        return f"openai_http {self.upstream.base_url}/chat/completions mock"

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.release)

    async def start(self) -> None:
        self.server = await asyncio.to_thread(EmbeddedPostgres.start, self.folder)


@pytest.fixture
async def gateway(tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[Gateway]:
    folder = tmp_path / "database"
    folder.mkdir(mode=0o755)
    server = await asyncio.to_thread(EmbeddedPostgres.start, folder)
    with UpstreamProcess() as upstream:
        model = ModelSettings(base_url=upstream.base_url, model="mock", prompt_usd=1.0, completion_usd=2.0)
        settings = Settings(database_url=server.url, data_dir=tmp_path, models={"mock": model})
        async with open_app(settings, frozenset(Role), {"default": engine}) as app:
            running = Gateway(app, upstream, folder, server)
            yield running
        await running.stop()


@pytest.mark.timeout(120)
async def test_while_postgresql_is_away_nothing_wrong_is_served_and_afterwards_all_is_well(gateway: Gateway) -> None:
    app = gateway.app
    written = await put(app, "office.md", OFFICE)
    bounded = grounded(freshness="bounded", max_staleness_seconds=60)
    first, hello = await asked(app, bounded, seen(written)), await asked(app, plain())
    assert (await asked(app, bounded)).cache == "l1"

    await gateway.stop()
    cached, kept = await asked(app, plain()), await asked(app, bounded)
    anew = await asked(app, plain("Something else?"))
    with pytest.raises(Unavailable):
        await asked(app, grounded(freshness="strict"))
    await gateway.start()
    async with asyncio.timeout(60):
        while True:
            try:
                changed = await put(app, "office.md", OFFICE.replace("nine", "ten"))
                break
            except Unavailable:
                await asyncio.sleep(0.2)
    after = await asked(app, grounded(freshness="strict"), seen(changed))

    assert (cached.cache, cached.id) == ("l1", hello.id)
    assert (kept.cache, kept.id) == ("l1", first.id)
    assert anew.text.split() and anew.cache == "miss"
    assert "at ten" in after.text


@pytest.mark.timeout(120)
async def test_what_the_cache_saves_is_accounted_for(gateway: Gateway) -> None:
    app = gateway.app
    await asked(app, plain())
    for _ in range(3):
        await asked(app, plain())
    written = await put(app, "office.md", OFFICE)
    await ask(app, QUESTION, seen(written))

    await kept(app, 2)
    await app.ledgers.cache.write()
    found: CacheReport = await app.services.queries.ask(GetCacheReport(), ADMIN)

    # the upstream says 8 tokens in, 8 out
    assert (found.spent_tokens, found.saved_tokens) == (16, 48)
    assert (found.spent_usd, found.saved_usd) == (0.000024, 0.000072)
    assert [(use.collection, use.model, use.layer, use.requests) for use in found.uses] == [
        (None, "mock", "l1", 3),
        (None, "mock", "miss", 1),
        ("docs", "extractive", "miss", 1),
    ]
    assert [(kept.collection, kept.valid, kept.invalidated) for kept in found.answers] == [(None, 1, 0), ("docs", 1, 0)]
    assert all(kept.bytes > 100 for kept in found.answers)


@pytest.mark.timeout(120)
async def test_answers_that_are_made_at_once_are_all_kept(gateway: Gateway) -> None:
    app = gateway.app
    made = await asyncio.gather(*(asked(app, plain(f"Number {number}?")) for number in range(60)))

    await kept(app, 60)
    store = PostgresAnswerStore(app.base.pool)
    keys = {cache_key(plain(f"Number {number}?"), ADMIN, gateway.identity): number for number in range(60)}
    found = {number: await store.get(ADMIN.org_id, key, settled=True) for key, number in keys.items()}

    assert {number: one and one.answer.id for number, one in found.items()} == {
        number: answer.id for number, answer in enumerate(made)
    }


@pytest.mark.timeout(120)
async def test_answers_are_taken_out_by_document_tag_model_or_all_together(gateway: Gateway) -> None:
    app = gateway.app
    await put(app, "lake.md", "# Lake\n\nThe lake is deep.\n", tags=("water",))
    written = await put(app, "office.md", OFFICE)
    one = replace(grounded(), grounding=GroundingOptions("docs", top_k=1))
    lake = replace(one, messages=(ChatMessage("user", "How deep is the lake?"),))

    async def layers(demand: Consistency = EVENTUAL) -> list[str]:
        return [(await asked(app, query, demand)).cache for query in (one, lake, plain())]

    await layers(seen(written))
    await kept(app, 3)
    nothing = await flush(app, collection="docs", document="nowhere.md")
    assert nothing[0] == 0
    assert await layers(nothing[1]) == ["l1", "l1", "l1"]

    by_document = await flush(app, collection="docs", document="office.md")
    assert (by_document[0], await layers(by_document[1])) == (1, ["miss", "l1", "l1"])
    by_tag = await flush(app, collection="docs", tag="water")
    assert (by_tag[0], await layers(by_tag[1])) == (1, ["l1", "miss", "l1"])
    by_model = await flush(app, model="mock")
    assert (by_model[0], await layers(by_model[1])) == (1, ["l1", "l1", "miss"])
    await kept(app, 3)
    everything = await flush(app, everything=True)
    assert (everything[0], await layers(everything[1])) == (3, ["miss", "miss", "miss"])


async def test_a_selection_that_says_nothing_or_too_much_is_refused(app: App) -> None:
    for selection in (Selection(), Selection(everything=True, model="m"), Selection(document="a.md")):
        with pytest.raises(InvalidInput):
            await app.services.commands.send(FlushAnswers(selection=selection), ADMIN)


async def test_popular_questions_are_answered_again_after_a_change(app: App) -> None:
    questions = {"When does the Tokyo office open?": 3, "Who opens the office?": 0, "What opens in Tokyo?": 6}
    await put(app, "office.md", OFFICE)
    for question, more in questions.items():
        for _ in range(1 + more):
            await ask(app, question)
    await app.ledgers.cache.write()
    changed = await put(app, "office.md", OFFICE.replace("nine", "ten"))
    receipt = await app.services.commands.send(WarmAnswers(collection="docs", limit=2), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)

    answers = {question: await ask(app, question, seen(changed)) for question in questions}

    assert view.result == {"collection": "docs", "questions": 2, "made": 2, "revalidated": 0, "failed": 0}
    assert {question: answer.cache for question, answer in answers.items()} == {
        "When does the Tokyo office open?": "l1",
        "Who opens the office?": "miss",
        "What opens in Tokyo?": "l1",
    }
    assert all("at ten" in answer.text for answer in answers.values())


async def test_a_question_that_cannot_be_answered_again_costs_only_itself(app: App) -> None:
    await ask(app, QUESTION, seen(await put(app, "office.md", OFFICE)))
    await app.base.pool.execute(
        "UPDATE answers SET question = jsonb_set(question, '{query,model}', '\"gone\"'), invalidated_at = now()"
    )

    receipt = await app.services.commands.send(WarmAnswers(collection="docs"), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)

    assert view.result == {"collection": "docs", "questions": 1, "made": 0, "revalidated": 0, "failed": 1}
    with pytest.raises(InvalidInput, match="limit"):
        await app.services.commands.send(WarmAnswers(collection="docs", limit=0), ADMIN)
