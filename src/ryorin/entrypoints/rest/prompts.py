"""Routes of prompts: versions, labels, who may read them, and what a version says."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from ryorin.contexts.answers.queries import AnswerQuestion, CacheOptions, ChatMessage, GroundingOptions, PromptUse
from ryorin.contexts.prompts.commands import (
    CreatePromptVersion,
    DescribePrompt,
    GatePromptLabel,
    MovePromptLabel,
    ProtectPromptLabel,
    RemovePrompt,
    RemovePromptLabel,
    SharePrompt,
)
from ryorin.contexts.prompts.queries import (
    PROMPTS_MODEL,
    DiffPromptVersions,
    GetPrompt,
    ListPrompts,
    ListPromptVersions,
    RenderPrompt,
    SimilarPrompts,
)
from ryorin.contexts.prompts.versions import LabelGate, PromptMessage, PromptParameters, PromptReference, PromptVariable
from ryorin.entrypoints.rest.context import CallerNeeded, DemandNeeded, IdempotencyKey
from ryorin.entrypoints.rest.quick import PromptRead
from ryorin.entrypoints.rest.schemas import Body, Written
from ryorin.kernel.codec import to_json
from ryorin.kernel.errors import InvalidInput
from ryorin.kernel.messages import EVERYONE, PUBLIC, Actor
from ryorin.kernel.messages import Query as Question


class _Read(PromptRead):
    def query(self, reference: PromptReference) -> Question[Any]:
        return GetPrompt(reference=reference)

    def told(self, name: str, answer: Any) -> object:
        return to_json(answer)


router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])
quick_router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"], route_class=_Read)
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


class VariableBody(Body):
    """A declared variable; one with a default may be left out."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "list", "object"] = "string"
    description: str = ""
    default: Any = None


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
    kind: Literal["chat", "text"] = Field(default="chat", description="`text`: one message, to be taken in by others")
    syntax: Literal["plain", "jinja"] = Field(
        default="plain", description="`plain`: {{name}} alone; `jinja`: also conditions, loops and filters"
    )
    variables: list[VariableBody] = Field(default=[], description="With their types; Jinja needs all declared")
    protected: bool = Field(default=False, description="Moves protected labels too; for admins")

    def said(self) -> tuple[PromptMessage, ...]:
        """Its messages."""
        alone = () if self.text is None else (PromptMessage("system", self.text),)
        return (*alone, *(PromptMessage(one.role, one.content) for one in self.messages))


class LabelBody(Body):
    """The version that the label names from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1}]})

    version: int = Field(ge=1, le=2**31 - 1)
    protected: bool = Field(default=False, description="Moves a protected label too; for admins")


class AboutBody(Body):
    """Where a prompt belongs and what it is for; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"folder": "support/mail", "tags": ["mail"]}]})

    folder: str | None = Field(default=None, description="Names with / between them")
    tags: list[str] | None = None
    description: str | None = None


class SharingBody(Body):
    """Who may read a prompt."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"visibility": "organisation"}]})

    visibility: Literal["organisation", "private", "public", "readers"] = Field(
        description="public: also without a credential, at /api/v1/public/ORGANISATION/prompts/NAME; for admins"
    )
    readers: list[str] = Field(default=[], description="user:NAME and group:NAME, with `readers`")

    def of(self, actor: Actor) -> tuple[str, ...]:
        """As the command takes them; raises InvalidInput."""
        if (self.visibility == "readers") != bool(self.readers):
            raise InvalidInput("`readers` go with the visibility `readers`, and only with it")
        if self.visibility == "public":
            return (EVERYONE, PUBLIC)
        if self.visibility != "private":
            return tuple(self.readers) or (EVERYONE,)
        owner = tuple(reader for reader in actor.readers or () if reader.startswith("user:"))
        if not owner:
            raise InvalidInput("this credential belongs to no user, whose prompt could be private; name its readers")
        return owner


class ProtectionBody(Body):
    """Whether a label is moved by admins only."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"protected": False}]})

    protected: bool = True


class GateBody(Body):
    """What a version has to show before the label names it: to be better than the one that it names by more than
    `margin` (below 0: no worse by that much), by evaluations of both."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset": "office", "split": "test", "metric": "contains", "margin": -0.05}]}
    )

    dataset: str
    metric: str
    split: Literal["train", "validation", "test"] | None = None
    margin: float = 0.0


class ValuesBody(Body):
    """Values of the variables, and which version is meant; without label and version: `production`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"variables": {"company": "Example Ltd"}}]})

    variables: dict[str, Any] = Field(default={})
    label: str | None = None
    version: int | None = None


class RunBody(ValuesBody):
    """Values, and what is said after the prompt."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input": "When does the office open?",
                    "variables": {"company": "Example Ltd"},
                    "model": "extractive",
                    "collection": "handbook",
                }
            ]
        }
    )

    input: str | None = Field(default=None, description="A user message")
    messages: list[PromptMessageBody] = Field(default=[], description="An exchange before it")
    model: str | None = Field(default=None, description="Before that of the version")
    collection: str | None = Field(default=None, description="Answer from its documents")
    top_k: int | None = Field(default=None, ge=1, le=100)
    cache: bool = True

    def said(self) -> tuple[ChatMessage, ...]:
        """What goes after the prompt's messages."""
        last = () if self.input is None else (ChatMessage("user", self.input),)
        return (*(ChatMessage(one.role, one.content) for one in self.messages), *last)


PromptName = Annotated[str, Path(max_length=200, examples=["assistant"])]
Label = Annotated[str, Path(max_length=100, examples=["staging"])]
WhichLabel = Annotated[str | None, Query(max_length=100, description="By label; none: `production`")]
Protected = Annotated[bool, Query(description="Meant for protected labels too; for admins")]
WhichVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="By number")]


@router.get("")
async def list_prompts(
    caller: CallerNeeded,
    demand: DemandNeeded,
    folder: Annotated[str | None, Query(max_length=200, description="And those in it")] = None,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    label: Annotated[str | None, Query(max_length=100)] = None,
) -> Any:
    """Prompts with their labels, by name."""
    return {"prompts": to_json(await caller.ask(ListPrompts(folder=folder, tag=tag, label=label), demand))}


@quick_router.get("/{prompt}")
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
        kind=body.kind,
        syntax=body.syntax,
        variables=tuple(PromptVariable(**one.model_dump()) for one in body.variables),
        protected=body.protected,
    )
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.put("/{prompt}/labels/{label}")
async def move_label(
    prompt: PromptName, label: Label, body: LabelBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Have a label name a version; an earlier one is the way back. Who asks by that label is answered with it."""
    command = MovePromptLabel(prompt=prompt, label=label, version=body.version, protected=body.protected)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/{prompt}/labels/{label}")
async def remove_label(
    prompt: PromptName, label: Label, caller: CallerNeeded, protected: Protected = False, key: IdempotencyKey = None
) -> Written:
    """Have a label name nothing."""
    command = RemovePromptLabel(prompt=prompt, label=label, protected=protected)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.put("/{prompt}/labels/{label}/protection")
async def protect_label(
    prompt: PromptName, label: Label, body: ProtectionBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Leave moving a label to admins, or to all editors again."""
    command = ProtectPromptLabel(prompt=prompt, label=label, protected=body.protected)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.put("/{prompt}/labels/{label}/gate")
async def gate_label(
    prompt: PromptName, label: Label, body: GateBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Have moving a label want a passed comparison. The way back to a version that it named before is always open."""
    command = GatePromptLabel(prompt=prompt, label=label, gate=LabelGate(**body.model_dump()))
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.delete("/{prompt}/labels/{label}/gate")
async def ungate_label(prompt: PromptName, label: Label, caller: CallerNeeded, key: IdempotencyKey = None) -> Written:
    """Have moving a label want nothing any more."""
    return Written(**await caller.send_and_settle(GatePromptLabel(prompt=prompt, label=label), SETTLED, key))


@router.patch("/{prompt}")
async def describe_prompt(
    prompt: PromptName, body: AboutBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Say where a prompt belongs and what it is for."""
    tags = None if body.tags is None else tuple(body.tags)
    command = DescribePrompt(prompt=prompt, folder=body.folder, tags=tags, description=body.description)
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.put("/{prompt}/readers")
async def share_prompt(
    prompt: PromptName, body: SharingBody, caller: CallerNeeded, key: IdempotencyKey = None
) -> Written:
    """Decide who may read a prompt, and ask with it."""
    command = SharePrompt(prompt=prompt, readers=body.of(caller.actor))
    return Written(**await caller.send_and_settle(command, SETTLED, key))


@router.get("/{prompt}/diff")
async def diff_versions(
    prompt: PromptName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    before: Annotated[str, Query(max_length=100, description="A label or number", examples=["production"])],
    after: Annotated[str, Query(max_length=100, description="A label or number")] = "latest",
) -> Any:
    """What a version says that another does not: the text as a unified diff, and what else is different."""
    query = DiffPromptVersions(
        prompt=prompt,
        before=PromptReference.parse(f"{prompt}@{before}"),
        after=PromptReference.parse(f"{prompt}@{after}"),
    )
    return to_json(await caller.ask(query, demand))


@router.delete("/{prompt}")
async def remove_prompt(
    prompt: PromptName, caller: CallerNeeded, protected: Protected = False, key: IdempotencyKey = None
) -> Written:
    """Take a prompt away with all its versions."""
    return Written(**await caller.send_and_settle(RemovePrompt(prompt=prompt, protected=protected), SETTLED, key))


@router.get("/{prompt}/similar")
async def similar_prompts(
    prompt: PromptName,
    caller: CallerNeeded,
    demand: DemandNeeded,
    label: WhichLabel = "latest",
    top_k: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Any:
    """Prompts that say nearly the same in their newest versions, most alike first."""
    query = SimilarPrompts(reference=PromptReference(prompt, label), top_k=top_k)
    return {"prompts": to_json(await caller.ask(query, demand))}


@router.post("/{prompt}/render")
async def render_prompt(prompt: PromptName, body: ValuesBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """What a version says with these values; nothing is answered."""
    query = RenderPrompt(reference=PromptReference(prompt, body.label, body.version), variables=body.variables)
    return to_json(await caller.ask(query, demand))


@router.post("/{prompt}/run")
async def run_prompt(prompt: PromptName, body: RunBody, caller: CallerNeeded, demand: DemandNeeded) -> Any:
    """Ask the model with a version: its messages with these values, then `messages`, then `input`."""
    question = AnswerQuestion(
        messages=body.said(),
        model=body.model or "",
        grounding=GroundingOptions(body.collection, body.top_k) if body.collection else None,
        use_cache=body.cache,
        prompt=PromptUse(prompt, body.label, body.version, body.variables),
    )
    if demand.token is not None:
        question = replace(question, cache=CacheOptions("strict"))
    return to_json(await caller.ask(question, demand))
