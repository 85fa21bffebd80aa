"""Experts on PostgreSQL: registered, chosen, corrected and answered by, also with what they answer from changing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ryorin.bootstrap.app import App
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, ListModels, PanelOptions
from ryorin.contexts.operations.queries import CommandView, GetCommand
from ryorin.contexts.routing.commands import ActivateGate, JudgeRouting, PutExpert, RemoveExpert, TrainGate
from ryorin.contexts.routing.errors import ExpertNotFound, RoutingNotFound
from ryorin.contexts.routing.experts import Example, ExpertSpec, RoutingDecision
from ryorin.contexts.routing.queries import ListGates, RouteQuestion
from ryorin.kernel.consistency import EVENTUAL, Consistency
from ryorin.kernel.errors import Forbidden, InvalidInput
from ryorin.kernel.messages import Actor, Command, OrgId, Scope
from tests.steps import ADMIN, put, seen

TOPICS: dict[str | None, tuple[str, ...]] = {
    "office": ("opening hours", "the meeting rooms", "parking at the office", "office keys", "the reception desk"),
    "payroll": ("my salary", "the yearly bonus", "a missing payslip", "overtime pay", "income tax forms"),
    None: ("the weather on Mars", "football results", "a pancake recipe", "a poem about frogs", "my horoscope"),
}
WORDINGS = ("Tell me about {}.", "I have a question on {}", "What should I know about {}?", "Help me with {}, please")
EXAMPLES = [
    Example(wording.format(topic), expert)
    for expert, topics in TOPICS.items()
    for topic in topics
    for wording in WORDINGS
]
EXPERTS = {
    "office": ExpertSpec("extractive", "The office: opening hours, rooms, parking", collections=("office",)),
    "payroll": ExpertSpec("extractive", "Salary, bonus, payslips and taxes", collections=("payroll",)),
}


async def send(app: App, command: Command, actor: Actor = ADMIN) -> Consistency:
    receipt = await app.services.commands.send(command, actor)
    return Consistency(receipt.record.position, 20)


async def registered(app: App) -> Consistency:
    demand = EVENTUAL
    for name, spec in EXPERTS.items():
        demand = await send(app, PutExpert(expert=name, spec=spec))
    return demand


async def trained(app: App, **more: Any) -> CommandView:
    kept = await app.services.keep_examples(ADMIN, EXAMPLES) if more.pop("examples", True) else None
    receipt = await app.services.commands.send(TrainGate(examples_hash=kept, **more), ADMIN)
    view = await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=60), ADMIN)
    assert view.state == "succeeded", view.error
    return view


async def route(app: App, text: str, demand: Consistency = EVENTUAL, actor: Actor = ADMIN) -> RoutingDecision:
    return await app.services.queries.ask(RouteQuestion(text=text), actor, demand)


async def ask(app: App, text: str, demand: Consistency = EVENTUAL, **options: Any) -> Answer:
    query = AnswerQuestion(
        messages=(ChatMessage("user", text),), model="experts", panel=PanelOptions(**options) if options else None
    )
    return await app.services.queries.ask(query, ADMIN, demand)


async def test_descriptions_decide_until_a_gate_is_trained_and_feedback_corrects_it(app: App) -> None:
    demand = await registered(app)
    first = await route(app, "When do I get my bonus and my salary?", demand)
    assert first.version is None
    assert next(iter(first.weights)) == "payroll"

    view = await trained(app)
    assert view.result is not None
    quality: Any = view.result["quality"]
    assert (view.result["version"], view.result["active"]) == (1, True)
    assert quality["accuracy"] >= 0.75
    decision = await route(app, "I lost the key of the office", seen(view))
    assert decision.version == 1
    assert next(iter(decision.weights)) == "office"
    assert decision.stages["gate"] < 1000
    assert (await route(app, "Write a poem about the weather on Mars")).out_of_scope

    # somebody says that parking has become a matter of payroll: the next version knows
    for number in range(12):
        odd = await route(app, f"Who pays for garage ticket number {number}?")
        await send(app, JudgeRouting(decision=odd.id, expert="payroll"))
    again = await trained(app, examples=False)
    assert again.result is not None
    assert again.result["version"] == 2
    newest = (await app.services.queries.ask(ListGates(), ADMIN, seen(again))).versions[0]
    assert newest.quality.examples == len(EXAMPLES) + 12
    assert newest.quality.active_accuracy is not None
    await send(app, ActivateGate(version=2, force=True))
    demand = await send(app, ActivateGate(version=1))
    assert (await app.services.queries.ask(ListGates(), ADMIN, demand)).active == 1
    assert (await route(app, "Where can I park?")).version == 1


async def test_an_answer_of_experts_follows_their_documents(app: App) -> None:
    await put(app, "hours.md", "# Hours\n\nThe office opens at nine.\n", collection="office")
    await put(app, "bonus.md", "# Bonus\n\nThe bonus is paid in June.\n", collection="payroll")
    demand = await registered(app)

    answer = await ask(app, "At what hour does the office open?", demand)
    assert answer.panel is not None
    assert ("opens at nine" in answer.text, answer.model, answer.cache) == (True, "experts", "miss")
    assert (await ask(app, "At what hour does the office open?")).cache in ("l1", "l2")
    both = await ask(app, "At what hour does the office open?", top_k=2)
    assert both.panel is not None
    assert {draft.expert for draft in both.panel.drafts} == {"office", "payroll"}

    changed = await put(app, "hours.md", "# Hours\n\nThe office opens at ten.\n", collection="office")
    assert "opens at ten" in (await ask(app, "At what hour does the office open?", seen(changed))).text

    demand = await send(app, RemoveExpert(expert="office"))
    gone = await ask(app, "At what hour does the office open?", demand)
    assert gone.panel is not None
    assert [draft.expert for draft in gone.panel.drafts] == ["payroll"]


async def test_experts_and_decisions_belong_to_their_organisation(app: App) -> None:
    demand = await registered(app)
    stranger = Actor(OrgId("other"), "key:x", frozenset({Scope.ADMIN}))
    decision = await route(app, "When do I get my bonus?", demand)

    assert (await route(app, "When do I get my bonus?", demand, stranger)).weights == {}
    assert "experts" not in [view.id for view in await app.services.queries.ask(ListModels(), stranger)]
    assert "experts" in [view.id for view in await app.services.queries.ask(ListModels(), ADMIN)]
    with pytest.raises(RoutingNotFound):
        await send(app, JudgeRouting(decision=decision.id, expert=None), stranger)
    with pytest.raises(ExpertNotFound):
        await send(app, JudgeRouting(decision=decision.id, expert="nobody"))
    with pytest.raises(Forbidden):
        await app.services.keep_examples(replace(ADMIN, scopes=frozenset({Scope.ANSWERS_READ})), EXAMPLES)


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([Example("Hello", "office")] * 20, "at least two experts"),
        ([Example(f"{n}", "office") for n in range(20)] + [Example("x", "payroll")], "'payroll' has 1 examples"),
    ],
)
async def test_too_few_examples_are_refused_with_what_is_missing(app: App, examples: list[Example], words: str) -> None:
    kept = await app.services.keep_examples(ADMIN, examples)
    receipt = await app.services.commands.send(TrainGate(examples_hash=kept), ADMIN)

    view = await app.services.queries.ask(GetCommand(id=receipt.record.envelope.id, wait_seconds=30), ADMIN)

    assert view.state == "failed"
    assert words in str(view.error)
    with pytest.raises(InvalidInput, match="1-100000 are allowed"):
        await app.services.keep_examples(ADMIN, [])
