"""Routes of experts and the gate that chooses among them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from ryorin.contexts.routing.commands import ActivateGate, JudgeRouting, PutExpert, RemoveExpert, TrainGate
from ryorin.contexts.routing.experts import Example, ExpertSpec
from ryorin.contexts.routing.queries import ROUTING_MODEL, ListExperts, ListGates, RouteQuestion
from ryorin.entrypoints.rest.commands import command_response
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, CommandState, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1", tags=["routing"])
SETTLED = (ROUTING_MODEL,)


class ExpertBody(Body):
    """A model with a system prompt and collections."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "extractive",
                    "description": "Questions about the office, its hours and its rules",
                    "collections": ["handbook"],
                }
            ]
        }
    )

    model: str = Field(description="The alias of a model")
    description: str = Field(description="What it is for; decides what comes here until a gate is trained")
    system: str = Field(default="", description="Its system prompt")
    collections: list[str] = Field(default=[], description="It drafts an answer from each; none: as the request says")
    general: bool = Field(default=False, description="Takes what no expert is for")
    prompt: str = Field(default="", description="A stored prompt: NAME, NAME@LABEL or NAME@NUMBER, without variables")
    adapter: str = Field(default="", description="An adapter (LoRA) of the model, by its server's name for it")


class ExampleBody(BaseModel):
    """A question, and the expert that it is for; null: none."""

    text: str
    expert: str | None = None


def _made_up() -> list[Any]:
    """Ten questions for each of two experts, and ten for neither."""
    topics: dict[str | None, tuple[str, ...]] = {
        "office": ("office", "desk", "meeting room", "opening hours", "parking"),
        "payroll": ("salary", "bonus", "payslip", "overtime", "tax form"),
        None: ("weather", "football", "poem", "recipe", "horoscope"),
    }
    return [
        {"text": wording.format(topic), "expert": expert}
        for expert, words in topics.items()
        for topic in words
        for wording in ("Tell me about the {}.", "I have a question about my {}")
    ]


class TrainBody(Body):
    """Examples to train on; none: those of the newest version, with what people said since."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"examples": _made_up()}]})

    examples: list[ExampleBody] | None = None
    feedback: bool = Field(default=True, description="Whether judged decisions are examples too")
    activate: bool = Field(default=True, description="Whether it decides at once, if it is no worse")


class RouteBody(Body):
    """A question to be routed, not answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "When does the office open?"}]})

    text: str
    top_k: int = 3


class JudgedBody(Body):
    """The expert that the question was for; null: none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expert": "office"}]})

    expert: str | None


class ActivateBody(Body):
    """Whether a version decides although it is worse."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"force": True}]})

    force: bool = False


ExpertName = Annotated[str, Path(examples=["office"])]
Version = Annotated[int, Path(examples=[1], ge=1, le=2**31 - 1)]
Decision = Annotated[str, Path(max_length=100, examples=["route-01a1fde56945"])]


@router.get("/experts")
async def list_experts(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Experts, by name."""
    return {"experts": to_json(await caller.ask(ListExperts(), demand))}


@router.put("/experts/{expert}")
async def put_expert(expert: ExpertName, body: ExpertBody, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Register an expert, or change it. Whoever asks the model `experts` may be answered by it."""
    spec = ExpertSpec(**{**body.model_dump(), "collections": tuple(body.collections)})
    return Written(**await caller.send_and_settle(PutExpert(expert=expert, spec=spec), SETTLED, key))


@router.delete("/experts/{expert}")
async def remove_expert(expert: ExpertName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Forget an expert."""
    return Written(**await caller.send_and_settle(RemoveExpert(expert=expert), SETTLED, key))


@router.get("/gate")
async def list_gates(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """The gate's versions with how well they decide, newest first, and which one is active."""
    return to_json(await caller.ask(ListGates(), demand))


@router.post(
    "/gate/train",
    status_code=202,
    response_model=CommandState,
    responses={200: {"model": CommandState, "description": "Done within the preferred wait"}},
)
async def train_gate(
    body: TrainBody,
    caller: CallerNeeded,
    key: IdempotencyKey = None,
    prefer: Annotated[str | None, Header(description="`wait=10`: wait that many seconds for the end")] = None,
) -> JSONResponse:
    """Train a version of the gate, evaluate it, and have it decide if it is no worse."""
    kept = None
    if body.examples is not None:
        examples = [Example(one.text, one.expert) for one in body.examples]
        kept = await caller.services.keep_examples(caller.actor, examples)
    command = TrainGate(examples_hash=kept, feedback=body.feedback, activate=body.activate)
    receipt = await caller.services.commands.send(command, caller.actor, idempotency_key=key)
    return await command_response(caller, receipt.record.envelope.id, prefer)


@router.post("/gate/versions/{version}/activate")
async def activate_gate(
    version: Version, body: ActivateBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Have a version decide from now on; an earlier one is the way back."""
    command = ActivateGate(version=version, force=body.force)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.post("/routing")
async def route_question(body: RouteBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Which experts is a question for? Nothing is answered."""
    return to_json(await caller.ask(RouteQuestion(text=body.text, top_k=body.top_k), demand))


@router.post("/routing/{decision}/feedback")
async def judge_routing(
    decision: Decision, body: JudgedBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Say which expert a question was for: the next training learns from it."""
    return Written(**await caller.send(JudgeRouting(decision=decision, expert=body.expert), key))
