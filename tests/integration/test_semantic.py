"""Answers to paraphrases on the real stack: observed first, given with evidence, judged, reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.upstream import UpstreamProcess
from ryorin.adapters.onnx_e5.engine import OnnxE5Engine
from ryorin.adapters.postgres.semantic import PostgresSemanticStore
from ryorin.bootstrap.app import ALL_ROLES, App, open_app
from ryorin.bootstrap.settings import CacheSettings, ModelSettings, Settings
from ryorin.contexts.answers.domain.verified import Likeness, Observation
from ryorin.contexts.answers.errors import HitNotFound
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage
from ryorin.contexts.answers.semantic import GetSemanticReport, JudgeSemanticHit
from tests.steps import ADMIN

SCOPE = "model:mock"


@pytest.fixture
async def app(database_url: str, tmp_path: Path, engine: OnnxE5Engine) -> AsyncIterator[App]:
    with UpstreamProcess() as upstream:
        settings = Settings(
            database_url=database_url,
            data_dir=tmp_path,
            models={"mock": ModelSettings(base_url=upstream.base_url, model="mock")},
            cache=CacheSettings(semantic=True),
        )
        async with open_app(settings, ALL_ROLES, {"default": engine}) as running:
            yield running


async def ask(app: App, text: str) -> Answer:
    return await app.services.queries.ask(AnswerQuestion(messages=(ChatMessage("user", text),), model="mock"), ADMIN)


async def report(app: App) -> tuple[object, ...]:
    (found,) = await app.services.queries.ask(GetSemanticReport(), ADMIN)
    return found.scope, found.active, found.hits, found.judged, found.judged_wrong


async def test_a_paraphrase_is_given_with_evidence_and_its_feedback_counts(app: App) -> None:
    store = PostgresSemanticStore(app.base.pool)
    for number in range(3000):
        right = number % 2 == 0
        alike = Likeness(0.7 if right else 0.3, 0.4 if right else 0.1, 0.6 if right else 0.2, 0.8, False, False)
        await store.observe(ADMIN.org_id, SCOPE, "k", Observation(alike, right))
    assert await report(app) == (SCOPE, True, 0, 0, 0)

    asked = ["When does the office in Tokyo open?"]
    given = [await ask(app, asked[0])]
    await noted(app, 1)
    # one of twenty is answered anew, so that evidence stays new, and may then be given itself
    for more in ("", " then", " today"):
        asked.append(f"At what time does the office in Tokyo open{more}?")
        given.append(await ask(app, asked[-1]))
    hit = next(answer for answer in given if answer.cache == "semantic")
    assert hit.semantic is not None

    await app.services.commands.send(JudgeSemanticHit(hit=hit.semantic.hit, right=False), ADMIN)
    with pytest.raises(HitNotFound):
        await app.services.commands.send(JudgeSemanticHit(hit="hit-0", right=False), ADMIN)

    assert hit.text == given[asked.index(hit.semantic.question)].text
    assert (await report(app))[3:] == (1, 1)


async def noted(app: App, count: int) -> None:
    """Return when so many questions may be candidates: an answer is given before that."""
    async with asyncio.timeout(10):
        while (await app.base.pool.fetch("SELECT count(*) AS n FROM semantic_questions"))[0]["n"] < count:
            await asyncio.sleep(0.01)


async def test_without_evidence_nothing_is_given_and_all_is_observed(app: App) -> None:
    await ask(app, "When does the office in Tokyo open?")
    await noted(app, 1)
    second = await ask(app, "At what time does the office in Tokyo open?")
    await noted(app, 2)
    await ask(app, "Unrelated: how deep is lake Biwa?")
    learned = await PostgresSemanticStore(app.base.pool).learned(ADMIN.org_id, SCOPE, 0)

    assert second.cache == "miss"
    assert [one.observation.uniform for one in learned[:1]] == [True]
