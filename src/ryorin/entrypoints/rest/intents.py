"""Routes of what prompts require: against their intent, and from version to version."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from ryorin.contexts.evaluation.queries import DiffIntent, ExamineIntent
from ryorin.contexts.prompts.queries import ResolvedPrompt, ResolvePrompt
from ryorin.contexts.prompts.versions import PromptReference
from ryorin.entrypoints.rest.context import Caller, CallerNeeded, DemandNeeded
from ryorin.entrypoints.rest.prompts import PromptName
from ryorin.entrypoints.rest.schemas import Body
from ryorin.kernel.codec import to_json
from ryorin.kernel.consistency import Consistency

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])


class IntentBody(Body):
    """What a prompt is meant to do, and what it is looked at with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "intent": "Answers are at most two sentences, in English, and cite their sources.",
                    "label": "latest",
                    "outputs": ["The office opens at nine."],
                }
            ]
        }
    )

    intent: str = Field(description="In sentences, English or Japanese")
    label: str | None = None
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    probes: list[str] = Field(default=[], description="Inputs that are asked with the version")
    outputs: list[str] = Field(default=[], description="Answers that are there already")
    model: str | None = Field(default=None, description="Who answers the probes, before that of the version")
    judge: str | None = Field(default=None, description="A model that judges what rules cannot")
    made: int = Field(default=0, ge=0, le=50, description="Inputs that the judge thinks up and that are asked too")
    variables: dict[str, Any] = Field(default={}, description="Values of the prompt's variables")


@router.post("/{prompt}/intent")
async def examine_intent(prompt: PromptName, body: IntentBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Requirement by requirement: stated, implied, missing or violated, with evidence and a suggested edit."""
    found = await _resolved(caller, PromptReference(prompt, body.label, body.version), demand)
    query = ExamineIntent(
        text=_text(found),
        intent=body.intent,
        outputs=tuple(body.outputs),
        probes=tuple(body.probes),
        prompt=prompt,
        version=found.view.version.number,
        model=body.model,
        judge=body.judge,
        made=body.made,
        variables=body.variables,
    )
    return to_json(await caller.ask(query, demand))


@router.get("/{prompt}/intent/diff")
async def diff_intent(
    prompt: PromptName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    before: Annotated[str, Query(max_length=100, description="A label or number", examples=["1"])],
    after: Annotated[str, Query(max_length=100, description="A label or number")] = "latest",
    judge: Annotated[
        str | None, Query(max_length=200, description="A model that is asked about what was put in other words")
    ] = None,
) -> Any:
    """Which requirements an edit lost, gained or changed; `by` says whether rules or the judge found it."""
    first, second = [
        await _resolved(caller, PromptReference.parse(f"{prompt}@{which}"), demand) for which in (before, after)
    ]
    return {
        "changes": to_json(await caller.ask(DiffIntent(before=_text(first), after=_text(second), judge=judge), demand))
    }


async def _resolved(caller: Caller, reference: PromptReference, demand: Consistency) -> ResolvedPrompt:
    found: ResolvedPrompt = await caller.ask(ResolvePrompt(reference=reference), demand)
    return found


def _text(found: ResolvedPrompt) -> str:
    return "\n".join(message.content for message in found.view.version.messages)
