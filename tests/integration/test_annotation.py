"""People judge answers of an evaluation and of production; the judge is held against them."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ryorin.bootstrap.app import App
from ryorin.contexts.annotation.commands import Annotate, PutAnnotationQueue, QueueItems, RemoveAnnotationQueue
from ryorin.contexts.annotation.errors import NothingToAnnotate, QueueNotFound
from ryorin.contexts.annotation.queries import (
    ANNOTATION_MODEL,
    CalibrateJudge,
    GetAnnotationQueue,
    ListAnnotations,
    NextAnnotation,
)
from ryorin.contexts.annotation.specs import AnnotationItem, QueueSpec
from ryorin.contexts.evaluation.errors import EvaluationNotFound
from ryorin.contexts.evaluation.queries import EVALUATION_MODEL, ListResults
from ryorin.contexts.evaluation.specs import DatasetItem, EvaluationSpec, Metric, Target
from ryorin.contexts.knowledge.commands import EraseDocument
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.messages import Actor, Scope
from ryorin.processes.collect_items import evaluated_items
from tests.integration.test_evaluation import STRANGER, dataset, run, send, serve, spec
from tests.integration.test_gateway import completes
from tests.integration.test_objectives import settled, until
from tests.steps import ADMIN, put
from tests.upstream import Upstream

ANNA, BEN = (Actor(ADMIN.org_id, f"key:{name}", frozenset({Scope.PROMPTS_WRITE})) for name in ("anna", "ben"))
QUEUE = PutAnnotationQueue(queue_name="sums", spec=QueueSpec("The sum is right.", per_item=2))


async def judging(request: Request) -> Response:
    """Sums: those of numbers above ten wrongly; as a judge: passes all but every seventh."""
    text = (await request.json())["messages"][-1]["content"]
    if "## Answer" not in text:
        number = int(text.split()[2])
        return await completes(f"It is {2 * number + (number > 10)}.")(request)
    number = int(text.partition("What is ")[2].split()[0])
    return await completes(json.dumps({"score": int(number % 7 > 0), "reason": "so"}))(request)


async def evaluated(app: App, upstream: Upstream) -> None:
    await serve(app, upstream)
    await dataset(app)
    upstream.replies = [judging]
    _, demand = await run(app, "sums-1", spec(Metric("judge", model="big")))
    assert demand.token is not None
    assert await app.services.positions.wait_for((EVALUATION_MODEL,), demand.token, 20)


async def queued(app: App, limit: int = 1000) -> int:
    items = await evaluated_items(app.services.queries, ADMIN, "sums-1", limit)
    batch = await app.services.annotations.items(ADMIN, "sums", items)
    receipt = await app.services.commands.send(QueueItems(queue_name="sums", batch=batch), ADMIN)
    return int(str((receipt.record.result or {})["items"]))


def right(item: AnnotationItem) -> bool:
    number = int(item.question.split()[2])
    return str(2 * number) in item.answer


async def test_a_judge_is_held_against_people(app: App, upstream: Upstream) -> None:
    await evaluated(app, upstream)
    await settled(app, ANNOTATION_MODEL, QUEUE)
    ask = app.services.queries.ask
    assert await queued(app, 5) == 5
    # more of the same: those that are there stay, and the rest comes
    assert await queued(app) == 15
    seen: dict[str, list[str]] = {"key:anna": [], "key:ben": []}
    for actor in (ANNA, BEN):
        for _ in range(20):
            item = await ask(NextAnnotation(queue="sums"), actor)
            assert item.expected is not None and "score" not in str(item)
            seen[actor.principal_id].append(item.id)
            await app.services.annotations.comment(actor, "sums", item.id, "looked twice")
            # Ben is generous to one
            passed = right(item) or (actor is BEN and item.id == "11")
            await app.services.commands.send(Annotate(queue_name="sums", item=item.id, passed=passed), actor)
        with pytest.raises(NothingToAnnotate):
            await ask(NextAnnotation(queue="sums"), actor)
    assert sorted(seen["key:anna"]) == sorted(seen["key:ben"]) and seen["key:anna"] != seen["key:ben"]

    report = await ask(GetAnnotationQueue(queue="sums"), ADMIN)
    assert (report.items, report.done, report.passed, report.annotations) == (20, 20, 10, 40)
    assert report.agreement is not None and 0.85 < report.agreement < 1
    page = await ask(ListAnnotations(queue="sums", limit=30), ADMIN)
    assert len(page.annotations) == 30 and page.next_offset == 30
    assert {one.comment for one in page.annotations} == {"looked twice"}

    found = await ask(CalibrateJudge(queue="sums", evaluation="sums-1"), ADMIN)
    # numbers 7 and 14 were failed by the judge; people failed those above ten, and were of two minds about one
    assert (found.labelled, found.split) == (19, 1)
    assert found.confusion.alarms == 1 and found.confusion.rejections == 1
    assert found.judged == pytest.approx(0.9)
    for query in (
        CalibrateJudge(queue="none", evaluation="sums-1"),
        CalibrateJudge(queue="sums", evaluation="none"),
    ):
        with pytest.raises((QueueNotFound, EvaluationNotFound)):
            await ask(query, ADMIN)
    with pytest.raises(InvalidInput, match="no scores"):
        await ask(CalibrateJudge(queue="sums", evaluation="sums-1", metric="exact"), ADMIN)


async def test_queues_are_their_organisations_and_go_whole(app: App, upstream: Upstream) -> None:
    await evaluated(app, upstream)
    await settled(app, ANNOTATION_MODEL, QUEUE)
    await queued(app, 3)
    with pytest.raises(QueueNotFound):
        await app.services.queries.ask(NextAnnotation(queue="sums"), STRANGER)
    with pytest.raises(QueueNotFound):
        await send(app, Annotate(queue_name="sums", item="01", passed=True), actor=STRANGER)
    with pytest.raises(QueueNotFound):
        await send(app, Annotate(queue_name="sums", item="none", passed=True))
    with pytest.raises(Forbidden):
        reader = Actor(ADMIN.org_id, "key:r", frozenset({Scope.ANSWERS_READ}))
        await app.services.annotations.items(reader, "sums", [AnnotationItem("1", "q", "a")])
    hidden = AnnotationItem("secret", "q", "a", readers=("user:boss",))
    await app.services.annotations.items(ADMIN, "sums", [AnnotationItem("forgotten", "q", "a")])
    await app.base.pool.execute("UPDATE annotation_items SET stored_at = now() - interval '2 days' WHERE NOT queued")
    await app.features.annotating.store.purge()
    assert await app.base.pool.fetch("SELECT 1 FROM annotation_items WHERE item = 'forgotten'") == []
    batch = await app.services.annotations.items(ADMIN, "sums", [hidden])
    await send(app, QueueItems(queue_name="sums", batch=batch))
    for _ in range(3):
        item = await app.services.queries.ask(NextAnnotation(queue="sums"), ANNA)
        assert item.id != "secret"
        await send(app, Annotate(queue_name="sums", item=item.id, passed=True), actor=ANNA)
    with pytest.raises(NothingToAnnotate):
        await app.services.queries.ask(NextAnnotation(queue="sums"), ANNA)

    await settled(app, ANNOTATION_MODEL, RemoveAnnotationQueue(queue_name="sums"))
    with pytest.raises(QueueNotFound):
        await app.services.queries.ask(GetAnnotationQueue(queue="sums"), ADMIN)
    await settled(app, ANNOTATION_MODEL, QUEUE)
    report = await app.services.queries.ask(GetAnnotationQueue(queue="sums"), ADMIN)
    assert (report.items, report.annotations) == (0, 0)


async def test_erased_documents_leave_results_and_queues(app: App, upstream: Upstream) -> None:
    await put(app, "hours", "# Hours\n\nThe office opens at nine on weekdays.\n")
    asked = ("When does the office open?", "What is 17 + 4?")
    await dataset(
        app, [DatasetItem(str(n), question, expected="nine", split="test") for n, question in enumerate(asked)]
    )
    what = EvaluationSpec(Target(model="extractive", collection="docs"), "sums", 1, "test", (Metric("contains"),))
    await run(app, "sums-1", what)
    page = await app.services.queries.ask(ListResults(evaluation="sums-1"), ADMIN)
    quoting = [one for one in page.results if one.answered and one.answered.documents == ("docs/hours",)]
    assert quoting and quoting[0].answered is not None and "nine" in quoting[0].answered.text
    await settled(app, ANNOTATION_MODEL, QUEUE)
    assert await queued(app) == 2
    await send(app, EraseDocument(collection="docs", document="hours"))

    async def gone() -> bool:
        found = await app.services.queries.ask(ListResults(evaluation="sums-1"), ADMIN)
        return not any(one.answered and "nine" in one.answered.text for one in found.results)

    await until(gone)
    after = await app.services.queries.ask(ListResults(evaluation="sums-1"), ADMIN)
    assert [one.scores["contains"].value for one in after.results] == [
        one.scores["contains"].value for one in page.results
    ]
    report = await app.services.queries.ask(GetAnnotationQueue(queue="sums"), ADMIN)
    # the other one cites nothing, and could quote anything
    assert report.items == 0
