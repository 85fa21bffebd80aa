from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from ryorin.contexts.answers.domain.verified import Likeness, Observation
from ryorin.contexts.answers.module import ChatDelta, ChatRequest, Evidence, SemanticQueries
from ryorin.contexts.answers.queries import AnswerQuestion, CacheOptions
from ryorin.contexts.answers.semantic import GetSemanticReport
from ryorin.contexts.knowledge.pipeline import CacheStage
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import OrgId
from ryorin.processes.answer_layers import AnswerLayers, CacheDefaults
from tests.unit.processes.stage import ACTOR, ORG, Parrot, Stage, question

OPEN = "When does the Tokyo office open?"
PARAPHRASE = "At what time does the Tokyo office open?"
OTHER = "When does the Kyoto office open?"


class Subject(Parrot):
    """Answers by what the question is about."""

    def __init__(self) -> None:
        super().__init__([])

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        self.words = ["Eight."] if "Kyoto" in request.messages[-1].content else ["Nine."]
        async for delta in super().stream(request):
            yield delta


def asks(text: str, semantic: bool | None = True, collection: str | None = "docs") -> AnswerQuestion:
    return replace(question(text, "subject", collection), cache=CacheOptions(semantic=semantic))


async def convinced(stage: Stage, scope: str = "docs") -> None:
    """Evidence that reaches for what is very like, and not for what is not."""
    for number in range(600):
        right = number % 2 == 0
        alike = Likeness(0.9 if right else 0.5, 0.4 if right else 0.1, 0.7, 0.6, False, False, 1.0)
        if scope != "docs":
            alike = replace(alike, context=None)
        await stage.paraphrases.observe(ORG, scope, "k", Observation(alike, right))


async def test_without_evidence_every_question_is_answered_anew_and_observed() -> None:
    stage = Stage(subject=Subject())

    first, second = await stage.ask(asks(OPEN)), await stage.ask(asks(PARAPHRASE))

    assert (first.cache, second.cache) == ("miss", "miss")
    (seen,) = await stage.paraphrases.learned(ORG, "docs", 0)
    assert (seen.observation.right, seen.observation.uniform) == (True, True)
    assert (seen.observation.likeness.context, seen.observation.likeness.words > 0.5) == (1.0, True)


async def test_with_evidence_a_paraphrase_is_answered_from_the_cache_and_says_so() -> None:
    stage = Stage(subject=Subject())
    await convinced(stage)
    first = await stage.ask(asks(OPEN))

    stage.thrown = 0.99
    second = await stage.ask(asks(PARAPHRASE))

    assert (second.cache, second.text, second.id) == ("semantic", "Nine.", first.id)
    assert second.semantic is not None
    assert (second.semantic.question, second.semantic.predicted > 0.9) == (OPEN, True)
    assert stage.layers == ["miss", "semantic"]


@pytest.mark.parametrize("thrown", [0.0, 0.99])
async def test_a_guard_forbids_whatever_the_evidence(thrown: float) -> None:
    stage = Stage(subject=Subject())
    await convinced(stage)
    await stage.ask(asks(OPEN))

    stage.thrown = thrown
    other = await stage.ask(asks(OTHER))

    assert (other.cache, other.text) == ("miss", "Eight.")


async def test_what_is_not_wanted_is_not_done() -> None:
    stage = Stage(subject=Subject())
    await convinced(stage)
    await stage.ask(asks(OPEN))
    stage.thrown = 0.99

    refused, silent = await stage.ask(asks(PARAPHRASE, semantic=False)), await stage.ask(asks("What time?", None))

    assert (refused.cache, silent.cache) == ("miss", "miss")


async def test_an_invalidated_answer_is_given_to_nobody() -> None:
    stage = Stage(subject=Subject())
    await convinced(stage)
    await stage.ask(asks(OPEN))
    await stage.store.invalidate(ORG, stage.store.keys(), "changed", LogPosition(1, 0))

    stage.thrown = 0.99

    assert (await stage.ask(asks(PARAPHRASE))).cache == "miss"


async def test_another_organisation_has_neither_the_answer_nor_the_evidence() -> None:
    stage = Stage(subject=Subject())
    await convinced(stage)
    await stage.ask(asks(OPEN))
    stage.thrown = 0.99

    other = await stage.ask(asks(PARAPHRASE), replace(ACTOR, org_id=OrgId("b")))

    assert other.cache == "miss"


async def test_a_wrong_hit_that_is_told_of_is_not_repeated() -> None:
    stage = Stage(subject=Subject())
    await convinced(stage, "model:subject")
    await stage.ask(asks(OPEN, collection=None))
    stage.thrown = 0.99
    hit = await stage.ask(asks(PARAPHRASE, collection=None))
    assert hit.semantic is not None

    known = await stage.paraphrases.judge(ORG, hit.semantic.hit, right=False)
    unknown = await stage.paraphrases.judge(ORG, "hit-0", right=False)
    stage.forget_evidence()
    await stage.process.close()
    again = await stage.ask(asks(PARAPHRASE, collection=None))

    assert (known, unknown) == (True, False)
    assert again.cache == "miss"
    (report,) = await SemanticQueries(stage.paraphrases, 0.01).report(GetSemanticReport(), ACTOR)
    assert (report.scope, report.active, report.hits, report.judged, report.judged_wrong) == (
        "model:subject",
        True,
        1,
        1,
        1,
    )


async def test_evidence_of_a_stricter_bound_is_evidence_of_its_own() -> None:
    evidence = Evidence(0.001)
    for number in range(600):
        evidence.learn(Observation(Likeness(0.9, 0.8, 1.0, 1.0, False, False), right=number % 2 == 0))

    assert evidence.threshold is None


async def test_the_servers_bound_holds_for_whoever_wants_paraphrases_and_names_none() -> None:
    stage = Stage(subject=Subject())
    defaults = CacheDefaults(60, semantic_bound=0.002)
    layers = AnswerLayers(stage.hot, stage.store, stage.check, stage.stages, stage.store, defaults, lambda: 0.0)

    wanted = (await layers.asked(asks(OPEN), ACTOR)).rules
    silent = (await layers.asked(asks(OPEN, None), ACTOR)).rules
    stage.stages.stage = CacheStage(semantic=True, semantic_bound=0.05)
    own = (await layers.asked(asks(OPEN, None), ACTOR)).rules

    assert (wanted.semantic_bound, silent.semantic_bound, own.semantic_bound) == (0.002, None, 0.05)
