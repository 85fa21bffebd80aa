"""Routes of annotation: people judge answers, and judges are held against them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from ryorin.contexts.annotation.commands import Annotate, PutAnnotationQueue, QueueItems, RemoveAnnotationQueue
from ryorin.contexts.annotation.queries import (
    ANNOTATION_MODEL,
    CalibrateJudge,
    GetAnnotationQueue,
    ListAnnotationQueues,
    ListAnnotations,
    NextAnnotation,
)
from ryorin.contexts.annotation.specs import MAX_COMMENT_CHARACTERS, QueueSpec
from ryorin.contexts.traffic.queries import ListSamples, SamplesPage
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.bus import authorised
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import InvalidInput
from ryorin.processes.collect_items import annotation_items_of, evaluated_items

router = APIRouter(prefix="/api/v1/annotation-queues", tags=["evaluation"])
SETTLED = (ANNOTATION_MODEL,)

QueueName = Annotated[str, Path(max_length=200, examples=["office-answers"])]


class QueueBody(Body):
    """By what answers are judged, and by how many people each."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rubric": "The answer is right and says nothing more.", "per_item": 1}]}
    )

    rubric: str
    per_item: int = 1


class ItemsBody(Body):
    """Which answers are to be judged: some of an evaluation by chance, or stored ones of a prompt."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"evaluation": "office-1", "limit": 50}]})

    evaluation: str | None = None
    prompt: str | None = None
    label: str | None = Field(default=None, description="With `prompt`")
    rating: Literal["good", "bad"] | None = Field(default=None, description="With `prompt`: as somebody found them")
    limit: int = Field(default=100, ge=1, le=1000)


class AnnotationBody(Body):
    """Whether an answer passes, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item": "hours", "passed": True}]})

    item: str
    passed: bool
    comment: str = Field(default="", max_length=MAX_COMMENT_CHARACTERS)


@router.get("")
async def list_queues(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Queues by name."""
    return {"queues": to_json(await caller.ask(ListAnnotationQueues(), demand))}


@router.put("/{queue}")
async def put_queue(queue: QueueName, body: QueueBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Have answers judged by a rubric."""
    command = PutAnnotationQueue(queue_name=queue, spec=QueueSpec(body.rubric, body.per_item))
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.get("/{queue}")
async def get_queue(queue: QueueName, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How far a queue is, and whether those who judge agree."""
    return to_json(await caller.ask(GetAnnotationQueue(queue=queue), demand))


@router.delete("/{queue}")
async def remove_queue(queue: QueueName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Take a queue away with what is in it."""
    return Written(**await caller.send_and_settle(RemoveAnnotationQueue(queue_name=queue), SETTLED, key))


@router.post("/{queue}/items")
async def queue_items(
    queue: QueueName, body: ItemsBody, caller: CallerNeeded, demand: DemandNeeded, key: IdempotencyKey = None
) -> Written:
    """Have answers judged; those that are in the queue already stay as they are."""
    # before anything is looked for: whoever may not, learns nothing
    authorised(caller.actor, QueueItems(queue_name=queue, batch=""))
    await caller.ask(GetAnnotationQueue(queue=queue), demand)
    if (body.evaluation is None) == (body.prompt is None):
        raise InvalidInput("name an evaluation or a prompt, whose answers are to be judged")
    if body.evaluation is not None:
        bus = caller.services.queries
        items = await evaluated_items(bus, caller.actor, body.evaluation, body.limit, demand)
    else:
        query = ListSamples(prompt=body.prompt or "", label=body.label, rating=body.rating, limit=body.limit)
        page: SamplesPage = await caller.ask(query, demand)
        items = annotation_items_of(page.samples)
    batch = await caller.services.annotations.items(caller.actor, queue, items)
    return Written(**await caller.send(QueueItems(queue_name=queue, batch=batch), key))


@router.get("/{queue}/next")
async def next_item(queue: QueueName, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """An answer that you have not judged; 404 `nothing_to_annotate` at the end."""
    return to_json(await caller.ask(NextAnnotation(queue=queue), demand))


@router.post("/{queue}/annotations")
async def annotate(queue: QueueName, body: AnnotationBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Judge an answer; an earlier judgement of yours counts no more."""
    if body.comment:
        await caller.services.annotations.comment(caller.actor, queue, body.item, body.comment)
    return Written(**await caller.send(Annotate(queue_name=queue, item=body.item, passed=body.passed), key))


@router.get("/{queue}/annotations")
async def list_annotations(
    queue: QueueName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """What was found, by item."""
    return to_json(await caller.ask(ListAnnotations(queue=queue, offset=offset, limit=limit), demand))


@router.get("/{queue}/calibration")
async def calibrate(
    queue: QueueName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    evaluation: Annotated[str, Query(max_length=200, examples=["office-1"])],
    metric: Annotated[str, Query(max_length=100, description="`judge`, or another that people can be asked too")] = (
        "judge"
    ),
    threshold: Annotated[float, Query(ge=0, le=1, description="From where on its score is a pass")] = 0.5,
) -> Any:
    """What a metric's verdicts are worth by what people said: confusion, agreement, and the corrected rate."""
    query = CalibrateJudge(queue=queue, evaluation=evaluation, metric=metric, threshold=threshold)
    return to_json(await caller.ask(query, demand))
