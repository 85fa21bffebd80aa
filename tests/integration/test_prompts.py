"""Prompts on PostgreSQL: a label that moves reaches the next answer, and no answer of another version is given."""

from __future__ import annotations

from typing import Any

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.answers.accounting import CountSelected
from ryorin.contexts.answers.commands import FlushAnswers
from ryorin.contexts.answers.errors import ModelRejected
from ryorin.contexts.answers.queries import (
    AnswerQuestion,
    ChatMessage,
    GroundingOptions,
    PromptUse,
    PromptUsed,
    SamplingOptions,
)
from ryorin.contexts.answers.selection import Selection
from ryorin.contexts.gateway.catalogue import ModelSpec, ProviderSpec
from ryorin.contexts.gateway.commands import PutModel, PutProvider
from ryorin.contexts.gateway.queries import CATALOGUE_MODEL
from ryorin.contexts.prompts.commands import (
    CreatePromptVersion,
    MovePromptLabel,
    RemovePrompt,
    RemovePromptLabel,
)
from ryorin.contexts.prompts.errors import PromptNotFound
from ryorin.contexts.prompts.queries import GetPrompt, ListPrompts, ListPromptVersions
from ryorin.contexts.prompts.versions import PromptMessage, PromptParameters, PromptReference
from ryorin.contexts.routing.commands import PutExpert
from ryorin.contexts.routing.experts import ExpertSpec
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.messages import Actor, Command, OrgId, Scope
from tests.integration.test_gateway import completes
from tests.steps import ADMIN, kept, put, seen
from tests.upstream import Upstream

STRANGER = Actor(OrgId("other"), "key:x", frozenset({Scope.ADMIN}))


async def send(app: App, *commands: Command, actor: Actor = ADMIN) -> Consistency:
    demand = EVENTUAL
    for command in commands:
        receipt = await app.services.commands.send(command, actor)
        demand = Consistency(receipt.record.position, 20)
    return demand


def version(text: str, *labels: str, **parameters: Any) -> CreatePromptVersion:
    return CreatePromptVersion(
        prompt="greeter",
        messages=(PromptMessage("system", text),),
        parameters=PromptParameters(**parameters),
        labels=labels,
    )


def question(use: PromptUse, model: str = "big", **more: Any) -> AnswerQuestion:
    return AnswerQuestion(messages=(ChatMessage("user", "Hi"),), model=model, prompt=use, **more)


async def serve(app: App, upstream: Upstream) -> None:
    demand = await send(
        app,
        PutProvider(provider="example", spec=ProviderSpec(base_url=upstream.base_url)),
        PutModel(provider="example", alias="big", spec=ModelSpec("vendor/big")),
    )
    assert demand.token is not None
    assert await app.services.positions.wait_for((CATALOGUE_MODEL,), demand.token, 20)


async def test_a_label_that_moves_is_answered_by_its_new_version_only(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one"), completes("two")]
    await serve(app, upstream)
    demand = await send(app, version("Say {{word}} 1.", "production", temperature=0.1), version("Say {{word}} 2."))
    use = PromptUse("greeter", variables={"word": "yes"})

    first = await app.services.queries.ask(question(use), ADMIN, demand)
    assert (first.text, first.prompt, first.cache) == ("one", PromptUsed("greeter", 1), "miss")
    assert (await app.services.queries.ask(question(use), ADMIN)).cache in ("l1", "l2")

    moved = await send(app, MovePromptLabel(prompt="greeter", label="production", version=2))
    second = await app.services.queries.ask(question(use), ADMIN, moved)
    assert (second.text, second.prompt, second.cache) == ("two", PromptUsed("greeter", 2), "miss")
    assert [body["messages"][0] for body in upstream.bodies] == [
        {"role": "system", "content": "Say yes 1."},
        {"role": "system", "content": "Say yes 2."},
    ]
    assert [body.get("temperature") for body in upstream.bodies] == [0.1, None]

    back = await send(app, MovePromptLabel(prompt="greeter", label="production", version=1))
    assert (await app.services.queries.ask(question(use), ADMIN, back)).text == "one"
    assert len(upstream.bodies) == 2

    await kept(app, 2)
    selection = Selection(prompt="greeter")
    assert await app.services.queries.ask(CountSelected(selection=selection), ADMIN) == 2
    flushed = await send(app, FlushAnswers(selection=selection))
    assert (await app.services.queries.ask(question(use), ADMIN, flushed)).cache == "miss"


async def test_a_version_names_the_model_and_a_question_goes_before_it(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("yes")]
    await serve(app, upstream)
    demand = await send(app, version("Hello.", "production", model="big", temperature=0.1, max_tokens=7))

    answer = await app.services.queries.ask(question(PromptUse("greeter"), model=""), ADMIN, demand)
    assert answer.model == "big"
    cooler = SamplingOptions(temperature=0.0)
    await app.services.queries.ask(question(PromptUse("greeter"), sampling=cooler), ADMIN)
    assert [(body["temperature"], body["max_tokens"]) for body in upstream.bodies] == [(0.1, 7), (0.0, 7)]
    alone = AnswerQuestion(messages=(), model="big", prompt=PromptUse("greeter"))
    with pytest.raises(InvalidInput, match="user message"):
        await app.services.queries.ask(alone, ADMIN)


async def test_an_expert_follows_its_prompts_label(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one"), completes("two")]
    await serve(app, upstream)
    spec = ExpertSpec("big", "Everything", prompt="greeter@live")
    demand = await send(app, version("First.", "live"), PutExpert(expert="greeter", spec=spec))
    asked = AnswerQuestion(messages=(ChatMessage("user", "Hi"),), model="experts")

    assert (await app.services.queries.ask(asked, ADMIN, demand)).text == "one"
    moved = await send(app, version("Second.", "live"))
    assert (await app.services.queries.ask(asked, ADMIN, moved)).text == "two"
    assert upstream.bodies[-1]["messages"][0]["content"] == "Second."


async def test_an_expert_has_an_adapter_of_its_model(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("plain"), completes("adapted")]
    await serve(app, upstream)
    asked = AnswerQuestion(messages=(ChatMessage("user", "Hi"),), model="experts")

    plain = await send(app, PutExpert(expert="one", spec=ExpertSpec("big", "Everything")))
    assert (await app.services.queries.ask(asked, ADMIN, plain)).text == "plain"
    adapted = await send(app, PutExpert(expert="one", spec=ExpertSpec("big", "Everything", adapter="law-lora")))
    assert (await app.services.queries.ask(asked, ADMIN, adapted)).text == "adapted"
    assert [body["model"] for body in upstream.bodies] == ["vendor/big", "law-lora"]
    local = await send(app, PutExpert(expert="one", spec=ExpertSpec("smollm2", "Everything", adapter="law-lora")))
    with pytest.raises(ModelRejected, match="takes no adapters"):
        await app.services.queries.ask(asked, ADMIN, local)


async def test_what_is_there_is_listed_and_what_is_not_is_said(app: App) -> None:
    demand = await send(app, version("One {{a}}.", "production"), version("Two {{b}} {{a}}.", "staging"))
    ask = app.services.queries.ask

    (listed,) = await ask(ListPrompts(), ADMIN, demand)
    assert (listed.name, listed.latest, listed.labels) == ("greeter", 2, {"latest": 2, "production": 1, "staging": 2})
    shown = await ask(GetPrompt(reference=PromptReference("greeter", "latest")), ADMIN)
    assert (shown.version.number, shown.variables, shown.labels) == (2, ("b", "a"), ("latest", "staging"))
    assert shown.version.author == ADMIN.principal_id
    versions = await ask(ListPromptVersions(prompt="greeter"), ADMIN)
    assert [view.labels for view in versions] == [("latest", "staging"), ("production",)]
    gone = await send(app, RemovePromptLabel(prompt="greeter", label="production"))
    with pytest.raises(PromptNotFound, match="no label 'production'; there are latest, staging"):
        await ask(question(PromptUse("greeter")), ADMIN, gone)
    with pytest.raises(InvalidInput, match=r"missing: b, a; unknown: c\. The prompt has the variables b, a"):
        await ask(question(PromptUse("greeter", version=2, variables={"c": "1"})), ADMIN)
    removed = await send(app, RemovePrompt(prompt="greeter"))
    with pytest.raises(PromptNotFound, match="there is no prompt 'greeter'"):
        await ask(GetPrompt(reference=PromptReference("greeter", version=2)), ADMIN, removed)
    again = await send(app, version("Three."))
    assert [view.version.number for view in await ask(ListPromptVersions(prompt="greeter"), ADMIN, again)] == [3]


async def test_prompts_belong_to_their_organisation(app: App) -> None:
    demand = await send(app, version("Ours.", "production"))
    theirs = await send(app, version("Theirs."), actor=STRANGER)

    assert await app.services.queries.ask(ListPrompts(), Actor(OrgId("third"), "x", ADMIN.scopes), demand) == ()
    (view,) = await app.services.queries.ask(ListPromptVersions(prompt="greeter"), STRANGER, theirs)
    assert view.version.messages[0].content == "Theirs."
    with pytest.raises(PromptNotFound):
        await app.services.queries.ask(GetPrompt(reference=PromptReference("greeter")), STRANGER)
    reader = Actor(ADMIN.org_id, "key:r", frozenset({Scope.ANSWERS_READ}))
    with pytest.raises(Forbidden, match="prompts:write"):
        await send(app, version("Mine."), actor=reader)


async def test_a_grounded_answer_follows_both_its_documents_and_its_prompt(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one"), completes("two"), completes("three")]
    await serve(app, upstream)
    await put(app, "hours.md", "# Hours\n\nThe office opens at nine.\n")
    demand = await send(app, version("Be short.", "production"))
    asked = question(PromptUse("greeter"), grounding=GroundingOptions("docs"))
    assert (await app.services.queries.ask(asked, ADMIN, demand)).text == "one"
    moved = await send(app, version("Be long.", "production"))
    assert (await app.services.queries.ask(asked, ADMIN, moved)).text == "two"
    changed = await put(app, "hours.md", "# Hours\n\nThe office opens at ten.\n")
    assert (await app.services.queries.ask(asked, ADMIN, seen(changed))).text == "three"
