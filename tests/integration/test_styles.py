"""Styles on PostgreSQL: known by samples, compared with, and a metric of evaluations."""

from __future__ import annotations

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.evaluation.commands import PutStyle, RemoveStyle
from ryorin.contexts.evaluation.errors import StyleNotFound
from ryorin.contexts.evaluation.queries import EVALUATION_MODEL, ListResults, ListStyles, MeasureStyle
from ryorin.contexts.evaluation.specs import DatasetItem, Metric
from tests.integration.test_evaluation import STRANGER, dataset, run, send, serve, spec
from tests.integration.test_gateway import completes
from tests.steps import ADMIN
from tests.style_samples import PLAIN, POLITE, japanese
from tests.upstream import Upstream


async def test_answers_are_held_against_a_style(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    genome = await app.services.genome_of([japanese(POLITE, number % 2) * 2 for number in range(5)])
    demand = await send(app, PutStyle(style="desk", genome=genome))
    assert demand.token is not None
    assert await app.services.positions.wait_for((EVALUATION_MODEL,), demand.token, 20)
    ask = app.services.queries.ask
    (kept,) = await ask(ListStyles(), ADMIN)
    assert (kept.name, kept.language, kept.samples) == ("desk", "ja", 5)
    assert await ask(ListStyles(), STRANGER) == ()
    with pytest.raises(StyleNotFound):
        await ask(MeasureStyle(text="x", style="desk"), STRANGER)

    own = await ask(MeasureStyle(text=japanese(POLITE, 2) * 2, style="desk"), ADMIN)
    other = await ask(MeasureStyle(text=japanese(PLAIN, 0) * 2, style="desk"), ADMIN)
    assert own.same is not None and other.same is not None and own.same > 0.5 > other.same
    assert other.parts and other.deviations and other.radar["politeness"] < own.radar["politeness"]

    await dataset(app, [DatasetItem("1", "polite", split="test"), DatasetItem("2", "short", split="test")])
    upstream.replies = [completes(japanese(POLITE, 2) * 2), completes("はい。")]
    _, seen = await run(app, "styled", spec(Metric("style", option="desk", threshold=0.5)))
    results = (await ask(ListResults(evaluation="styled"), ADMIN, seen)).results
    scores = sorted((next(iter(one.scores.values())) for one in results), key=lambda score: score.outcome)
    assert [score.outcome for score in scores] == ["abstained", "scored"]
    assert scores[1].value is not None and scores[1].value > 0.5

    await send(app, RemoveStyle(style="desk"))
    with pytest.raises(StyleNotFound):
        await send(app, RemoveStyle(style="desk"))
