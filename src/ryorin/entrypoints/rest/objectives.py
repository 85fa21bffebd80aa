"""Routes of traffic: objectives of prompts, their usage, stored answers and what is said of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from ryorin.contexts.traffic.commands import MAX_FEEDBACK_CHARACTERS, GiveFeedback, PutObjective, RemoveObjective
from ryorin.contexts.traffic.queries import (
    TRAFFIC_MODEL,
    GetObjective,
    GetPromptUsage,
    ListObjectives,
    ListSamples,
)
from ryorin.contexts.traffic.specs import DAYS_KEPT, Indicator, ObjectiveSpec
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1", tags=["prompts"])
SETTLED = (TRAFFIC_MODEL,)

ObjectiveName = Annotated[str, Path(max_length=200, examples=["fast-enough"])]
PromptName = Annotated[str, Path(max_length=200, examples=["assistant"])]
Days = Annotated[int, Query(ge=1, le=DAYS_KEPT, description="Today among them")]


class ObjectiveBody(Body):
    """What is wanted of the answers of a prompt under a label."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prompt": "assistant",
                    "label": "production",
                    "indicator": "latency",
                    "threshold": 2500,
                    "target": 0.99,
                }
            ]
        }
    )

    prompt: str
    label: str = "production"
    indicator: Indicator
    target: float | None = Field(default=None, description="The share that is to be good; not with drift")
    threshold: float | None = Field(
        default=None, description="Milliseconds (latency), USD (cost), or a score (quality)"
    )
    window_days: int = 30
    metric: str | None = Field(default=None, description="Of quality: hallucination, style, regex, json_schema, judge")
    option: str = Field(default="", description="Of the metric: the style, pattern, schema or rubric")
    judge: str | None = Field(default=None, description="The model that judges")
    sample: float = Field(default=0.1, description="The share of answers that is stored and scored")


class FeedbackBody(Body):
    """Whether an answer was good, how it should have been, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rating": "bad", "correction": "It opens at nine."}]})

    rating: Literal["good", "bad"]
    correction: str | None = Field(default=None, max_length=MAX_FEEDBACK_CHARACTERS)
    comment: str = Field(default="", max_length=MAX_FEEDBACK_CHARACTERS)


@router.get("/objectives")
async def list_objectives(
    caller: CallerNeeded, demand: DemandNeeded, prompt: Annotated[str | None, Query(max_length=200)] = None
) -> Any:
    """Objectives by name, with the level that was recorded last."""
    return {"objectives": to_json(await caller.ask(ListObjectives(prompt=prompt), demand))}


@router.get("/objectives/{objective}")
async def get_objective(objective: ObjectiveName, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """How an objective stands now: its error budget, how fast it burns, what has drifted."""
    return to_json(await caller.ask(GetObjective(objective=objective), demand))


@router.put("/objectives/{objective}")
async def put_objective(
    objective: ObjectiveName, body: ObjectiveBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Want something of a prompt's answers."""
    command = PutObjective(objective=objective, spec=ObjectiveSpec(**body.model_dump()))
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/objectives/{objective}")
async def remove_objective(objective: ObjectiveName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Want it no more."""
    return Written(**await caller.send_and_settle(RemoveObjective(objective=objective), SETTLED, key))


@router.get("/usage/prompts")
async def usage_of_all(caller: CallerNeeded, demand: DemandNeeded, days: Days = 30) -> Any:
    """Answers, tokens, USD and latency of all prompts by day, version and label."""
    return {"uses": to_json(await caller.ask(GetPromptUsage(days=days), demand))}


@router.get("/prompts/{prompt}/usage")
async def usage(prompt: PromptName, caller: CallerNeeded, demand: DemandNeeded, days: Days = 30) -> Any:
    """Answers, tokens, USD and latency of a prompt by day, version and label ("": named by number)."""
    return {"uses": to_json(await caller.ask(GetPromptUsage(prompt=prompt, days=days), demand))}


@router.get("/prompts/{prompt}/answers")
async def list_samples(
    prompt: PromptName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    label: Annotated[str | None, Query(max_length=100)] = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    rating: Annotated[Literal["good", "bad"] | None, Query(description="As somebody found them")] = None,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """Answers that were stored for objectives, with their scores and what was said of them; newest first."""
    query = ListSamples(prompt=prompt, label=label, version=version, rating=rating, offset=offset, limit=limit)
    return to_json(await caller.ask(query, demand))


@router.post("/answers/{answer}/feedback")
async def give_feedback(
    answer: Annotated[str, Path(max_length=100, examples=["chatcmpl-0"])],
    body: FeedbackBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
) -> Written:
    """Say whether an answer was good; corrections become what a dataset expects."""
    said = ""
    if body.correction or body.comment:
        said = await caller.services.keep_feedback(caller.actor, body.correction, body.comment)
    return Written(**await caller.send(GiveFeedback(answer=answer, rating=body.rating, said=said), key))
