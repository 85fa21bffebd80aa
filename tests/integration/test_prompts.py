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
    DescribePrompt,
    MovePromptLabel,
    ProtectPromptLabel,
    RemovePrompt,
    RemovePromptLabel,
    SharePrompt,
)
from ryorin.contexts.prompts.errors import LabelProtected, PromptCycle, PromptNotFound
from ryorin.contexts.prompts.queries import (
    DiffPromptVersions,
    GetPrompt,
    ListPrompts,
    ListPromptVersions,
    RenderPrompt,
    ResolvePrompt,
    SimilarPrompts,
)
from ryorin.contexts.prompts.versions import PromptMessage, PromptParameters, PromptReference, PromptVariable
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


def version(text: str, *labels: str, protected: bool = False, **parameters: Any) -> CreatePromptVersion:
    return CreatePromptVersion(
        prompt="greeter",
        messages=(PromptMessage("system", text),),
        parameters=PromptParameters(**parameters),
        labels=labels,
        protected=protected,
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


def text(name: str, content: str, *labels: str, **more: Any) -> CreatePromptVersion:
    messages = (PromptMessage("system", content),)
    return CreatePromptVersion(prompt=name, messages=messages, labels=labels, kind="text", **more)


async def test_a_prompt_follows_those_that_it_takes_in(app: App, upstream: Upstream) -> None:
    upstream.replies = [completes("one"), completes("two")]
    await serve(app, upstream)
    demand = await send(
        app,
        text("tone", "Be kind to {{who}}.", "live"),
        text("rules", "{{> tone@live}} Say {{word}}.", "production"),
        version("{{> rules}} Now.", "production"),
    )
    ask, values = app.services.queries.ask, {"who": "all", "word": "yes"}
    reference = PromptReference("greeter")
    rendered = await ask(RenderPrompt(reference=reference, variables=values), ADMIN, demand)
    assert rendered.messages[0].content == "Be kind to all. Say yes. Now."
    assert rendered.takes_in == {"rules": 1, "tone": 1}
    resolved = await ask(ResolvePrompt(reference=reference), ADMIN)
    assert resolved.view.version.messages[0].content == "Be kind to {{who}}. Say {{word}}. Now."
    assert resolved.view.variables == ("who", "word")

    use = PromptUse("greeter", variables=values)
    assert (await ask(question(use), ADMIN)).text == "one"
    # without a token: a strict question asks the log about what is taken in, too
    await send(app, text("tone", "Be stern to {{who}}.", "live"))
    second = await ask(question(use), ADMIN)
    assert (second.text, upstream.bodies[-1]["messages"][0]["content"]) == ("two", "Be stern to all. Say yes. Now.")


async def test_no_prompt_takes_in_itself(app: App) -> None:
    await send(app, text("a", "A.", "production"), text("b", "{{> a}}", "production"), text("c", "{{> b}}"))

    for name in ("a", "c"):
        with pytest.raises(PromptCycle, match=f"'{name}' would take in itself"):
            await send(app, text(name, "{{> c@latest}}"))
    with pytest.raises(PromptNotFound, match="no prompt 'nowhere' to be taken in"):
        await send(app, text("d", "{{> nowhere}}"))
    jinja = text("j", "{% if x %}y{% endif %}", "production", syntax="jinja", variables=(PromptVariable("x"),))
    demand = await send(app, jinja, text("e", "{{> j}}", "production"), text("f", "{{> c}}", "production"))
    for name, error, told in (("e", InvalidInput, "Jinja"), ("f", PromptNotFound, "no label 'production'")):
        with pytest.raises(error, match=told):
            await app.services.queries.ask(RenderPrompt(reference=PromptReference(name)), ADMIN, demand)


async def test_a_jinja_prompt_declares_its_variables(app: App) -> None:
    template = "{% for one in names %}{{ one }} {% endfor %}{{ word }}"
    with pytest.raises(InvalidInput, match="declares its variables; these are not: names, word"):
        await send(app, text("j", template, syntax="jinja"))
    variables = (PromptVariable("names", "list"), PromptVariable("word", default="ok"))
    demand = await send(app, text("j", template, "production", syntax="jinja", variables=variables))
    reference = PromptReference("j")
    query = RenderPrompt(reference=reference, variables={"names": ["a", "花"]})
    assert (await app.services.queries.ask(query, ADMIN, demand)).messages[0].content == "a 花 ok"
    with pytest.raises(InvalidInput, match="'names' must be a list"):
        await app.services.queries.ask(RenderPrompt(reference=reference, variables={"names": 3}), ADMIN)
    with pytest.raises(InvalidInput, match="not used: other"):
        await send(app, text("j", "{{ word }}", variables=(PromptVariable("word"), PromptVariable("other"))))


async def test_a_private_prompt_is_seen_by_its_user_only(app: App) -> None:
    scopes = frozenset({Scope.ANSWERS_READ, Scope.PROMPTS_WRITE})
    ann = Actor(ADMIN.org_id, "key:a", scopes, ("*", "user:ann"))
    bob = Actor(ADMIN.org_id, "key:b", scopes, ("*", "user:bob"))
    demand = await send(app, version("Mine."), SharePrompt(prompt="greeter", readers=("user:ann",)), actor=ann)
    ask = app.services.queries.ask

    assert [view.name for view in await ask(ListPrompts(), ann, demand)] == ["greeter"]
    assert await ask(ListPrompts(), bob) == ()
    latest = PromptReference("greeter", "latest")
    for query in (
        GetPrompt(reference=latest),
        RenderPrompt(reference=latest),
        ResolvePrompt(reference=latest),
        ListPromptVersions(prompt="greeter"),
        DiffPromptVersions(prompt="greeter", before=latest, after=latest),
    ):
        with pytest.raises(PromptNotFound):
            await ask(query, bob)
        assert await ask(query, ann)
    shared = SharePrompt(prompt="greeter", readers=("user:bob", "user:ann"))
    assert await ask(ListPrompts(), bob, await send(app, shared, actor=ann)) != ()


async def test_a_protected_label_needs_an_admin(app: App) -> None:
    editor = Actor(ADMIN.org_id, "key:e", frozenset({Scope.PROMPTS_WRITE}))
    await send(app, version("One.", "production"), ProtectPromptLabel(prompt="greeter", label="production"))

    with pytest.raises(LabelProtected):
        await send(app, version("Two.", "production"), actor=editor)
    with pytest.raises(Forbidden, match="admin"):
        await send(app, version("Two.", "production", protected=True), actor=editor)
    with pytest.raises(Forbidden, match="admin"):
        await send(app, ProtectPromptLabel(prompt="greeter", label="production", protected=False), actor=editor)
    demand = await send(app, version("Two.", "production", protected=True))
    (view,) = await app.services.queries.ask(ListPrompts(), ADMIN, demand)
    assert (view.labels["production"], view.about.protected) == (2, ("production",))


async def test_prompts_are_found_by_folder_tag_and_label_and_compared(app: App) -> None:
    demand = await send(
        app,
        version("One.\nTwo.", "production", temperature=0.5),
        DescribePrompt(prompt="greeter", folder="mail/support", tags=("b", "a"), description="Greets"),
        text("other", "Other."),
        version("One.\nThree."),
    )
    ask = app.services.queries.ask
    for query, found in (
        (ListPrompts(folder="mail"), ["greeter"]),
        (ListPrompts(folder="mai"), []),
        (ListPrompts(tag="a"), ["greeter"]),
        (ListPrompts(label="production"), ["greeter"]),
        (ListPrompts(), ["greeter", "other"]),
    ):
        assert [view.name for view in await ask(query, ADMIN, demand)] == found
    diff = await ask(
        DiffPromptVersions(
            prompt="greeter", before=PromptReference("greeter"), after=PromptReference("greeter", "latest")
        ),
        ADMIN,
    )
    assert [line for line in diff.text if line[0] in "+-" and line[:3] not in ("+++", "---")] == ["-Two.", "+Three."]
    assert [(one.what, one.before, one.after) for one in diff.changed] == [("temperature", 0.5, None)]


async def test_prompts_that_say_nearly_the_same_are_found(app: App) -> None:
    demand = await send(
        app,
        text("hours", "You tell visitors when the library opens and closes."),
        text("opening", "Tell guests the opening hours of the library."),
        text("poem", "海についての短い詩を書いてください。"),
    )
    found = await app.services.queries.ask(SimilarPrompts(reference=PromptReference("hours", "latest")), ADMIN, demand)
    assert [one.name for one in found] == ["opening", "poem"]
    assert found[0].likeness > 0.5 > found[1].likeness
    demand = await send(app, SharePrompt(prompt="opening", readers=("user:ann",)))
    reader = Actor(ADMIN.org_id, "key:r", frozenset({Scope.ANSWERS_READ}))
    query = SimilarPrompts(reference=PromptReference("hours", "latest"))
    assert [one.name for one in await app.services.queries.ask(query, reader, demand)] == ["poem"]
