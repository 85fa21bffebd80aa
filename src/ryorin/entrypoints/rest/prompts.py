"""Routes of prompts: versions, labels, and what a version says."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from ryorin.contexts.prompts.commands import (
    CreatePromptVersion,
    MovePromptLabel,
    RemovePrompt,
    RemovePromptLabel,
)
from ryorin.contexts.prompts.queries import PROMPTS_MODEL, GetPrompt, ListPrompts, ListPromptVersions, RenderPrompt
from ryorin.contexts.prompts.versions import PromptMessage, PromptParameters, PromptReference
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])
SETTLED = (PROMPTS_MODEL,)


class PromptMessageBody(Body):
    """A turn; variables are written `{{name}}`."""

    role: Literal["system", "user", "assistant"] = "system"
    content: str


class ParametersBody(Body):
    """Model and parameters that belong to the version; what a question says itself goes before them."""

    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] = Field(default=[])
    seed: int | None = None

    def parameters(self) -> PromptParameters:
        """As commands take them."""
        return PromptParameters(**{**self.model_dump(), "stop": tuple(self.stop)})


class VersionBody(Body):
    """A new version: `messages`, or `text` for a system message alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "You help the staff of {{company}}. Answer in one sentence.",
                    "parameters": {"temperature": 0.2},
                    "note": "Shorter answers",
                    "labels": ["production"],
                }
            ]
        }
    )

    text: str | None = None
    messages: list[PromptMessageBody] = Field(default=[])
    parameters: ParametersBody = ParametersBody()
    note: str = Field(default="", description="Why it was made")
    labels: list[str] = Field(default=[], description="Labels that move to it")

    def said(self) -> tuple[PromptMessage, ...]:
        """Its messages."""
        alone = () if self.text is None else (PromptMessage("system", self.text),)
        return (*alone, *(PromptMessage(one.role, one.content) for one in self.messages))


class LabelBody(Body):
    """The version that the label names from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1}]})

    version: int = Field(ge=1, le=2**31 - 1)


class ValuesBody(Body):
    """Values of the variables, and which version is meant; without label and version: `production`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"variables": {"company": "Example Ltd"}}]})

    variables: dict[str, str] = Field(default={})
    label: str | None = None
    version: int | None = None


PromptName = Annotated[str, Path(max_length=200, examples=["assistant"])]
Label = Annotated[str, Path(max_length=100, examples=["staging"])]
WhichLabel = Annotated[str | None, Query(max_length=100, description="By label; none: `production`")]
WhichVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="By number")]


@router.get("")
async def list_prompts(caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Prompts with their labels, by name."""
    return {"prompts": to_json(await caller.ask(ListPrompts(), demand))}


@router.get("/{prompt}")
async def get_prompt(
    prompt: PromptName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    label: WhichLabel = None,
    version: WhichVersion = None,
) -> Any:
    """What a version says, and which variables it needs."""
    reference = PromptReference(prompt, label, version)
    return to_json(await caller.ask(GetPrompt(reference=reference), demand))


@router.get("/{prompt}/versions")
async def list_versions(prompt: PromptName, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """All versions of a prompt, newest first."""
    return {"versions": to_json(await caller.ask(ListPromptVersions(prompt=prompt), demand))}


@router.post("/{prompt}/versions")
async def create_version(
    prompt: PromptName, body: VersionBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Make a new version, and the prompt with it if there is none; what equals the latest version makes no new one."""
    command = CreatePromptVersion(
        prompt=prompt,
        messages=body.said(),
        parameters=body.parameters.parameters(),
        note=body.note,
        labels=tuple(body.labels),
    )
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.put("/{prompt}/labels/{label}")
async def move_label(
    prompt: PromptName, label: Label, body: LabelBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Have a label name a version; an earlier one is the way back. Who asks by that label is answered with it."""
    command = MovePromptLabel(prompt=prompt, label=label, version=body.version)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/{prompt}/labels/{label}")
async def remove_label(prompt: PromptName, label: Label, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Have a label name nothing."""
    return Written(**await caller.send_and_settle(RemovePromptLabel(prompt=prompt, label=label), SETTLED, key))


@router.delete("/{prompt}")
async def remove_prompt(prompt: PromptName, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Take a prompt away with all its versions."""
    return Written(**await caller.send_and_settle(RemovePrompt(prompt=prompt), SETTLED, key))


@router.post("/{prompt}/render")
async def render_prompt(prompt: PromptName, body: ValuesBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """What a version says with these values; nothing is answered."""
    query = RenderPrompt(reference=PromptReference(prompt, body.label, body.version), variables=body.variables)
    return to_json(await caller.ask(query, demand))
