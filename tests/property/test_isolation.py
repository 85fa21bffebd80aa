"""Whoever asks, whatever is cached where: an answer is made from what the asker's organisation has, or refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ryorin.contexts.answers.queries import Answer, AnswerQuestion, CacheOptions
from ryorin.contexts.knowledge.pipeline import CacheStage
from ryorin.contexts.knowledge.queries import SearchChunks, SearchResult
from ryorin.kernel.errors import Forbidden
from ryorin.kernel.events import LogPosition
from ryorin.kernel.messages import Actor, OrgId, Scope
from tests.unit.processes.stage import Parrot, Shelf, Stage, question

ORGANISATIONS = ("a", "b", "c")
ALL = frozenset({Scope.ANSWERS_READ, Scope.KNOWLEDGE_READ})
SCOPES = st.sampled_from([ALL, frozenset({Scope.ANSWERS_READ}), frozenset({Scope.KNOWLEDGE_READ}), frozenset[Scope]()])
FRESHNESS = st.sampled_from([None, "strict", "bounded", "ttl"])


@dataclass
class ShelvesOfAll(Shelf):
    """Every organisation has another text under the same name, at the same place."""

    async def __call__(self, query: SearchChunks, actor: Actor) -> SearchResult:
        self.passages = {"office.md": f"The office of {actor.org_id} opens at nine."}
        return await super().__call__(query, actor)


@dataclass(frozen=True)
class Ask:
    """Someone asks, grounded or not, for a whole answer or a stream."""

    org: str
    scopes: frozenset[Scope]
    model: str
    grounded: bool
    stream: bool
    freshness: object


@dataclass(frozen=True)
class Invalidate:
    """Everything of an organisation becomes invalid."""

    org: str


@dataclass(frozen=True)
class Forget:
    """A restart: memory is empty."""


ASKS = st.builds(
    Ask,
    st.sampled_from(ORGANISATIONS),
    SCOPES,
    st.sampled_from(["extractive", "parrot"]),
    st.booleans(),
    st.booleans(),
    FRESHNESS,
)
STEPS = st.lists(ASKS | ASKS | st.builds(Invalidate, st.sampled_from(ORGANISATIONS)) | st.builds(Forget), max_size=25)


class Echo(Parrot):
    """Repeats what it was shown, so that whatever it saw is in its answer."""

    async def stream(self, request):  # type: ignore[no-untyped-def]  # as the Parrot's
        self.words = [message.content for message in request.messages]
        async for delta in super().stream(request):
            yield delta


async def asked(stage: Stage, step: Ask) -> str | None:
    """What someone was told, None if he was refused."""
    query = question(model=step.model, collection="docs" if step.grounded or step.model == "extractive" else None)
    query = replace(query, cache=CacheOptions(freshness=step.freshness))  # type: ignore[arg-type]  # a mode or None
    actor = Actor(OrgId(step.org), "someone", step.scopes)
    try:
        return await _told(stage, query, actor, step.stream)
    except Forbidden:
        return None


async def _told(stage: Stage, query: AnswerQuestion, actor: Actor, stream: bool) -> str:
    if not stream:
        answer: Answer = await stage.ask(query, actor)
        return answer.text
    return "".join(part.text for part in await stage.stream(query, actor))


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_answer_crosses_an_organisation_or_a_scope(steps: list[object]) -> None:
    asyncio.run(_run(steps))


async def _run(steps: list[object]) -> None:
    stage = Stage(parrot=Echo([]))
    stage.shelf = ShelvesOfAll(stage.positions)
    stage.stages.stage = CacheStage(stale_while_revalidate_seconds=60)
    for step in steps:
        match step:
            case Ask():
                told = await asked(stage, step)
                needed = ALL if step.grounded or step.model == "extractive" else frozenset({Scope.ANSWERS_READ})
                assert (told is None) == (not needed <= step.scopes)
                others = [org for org in ORGANISATIONS if org != step.org]
                assert told is None or not any(f"office of {org} opens" in told for org in others)
                assert told is None or needed != ALL or f"office of {step.org} opens" in told
            case Invalidate(org):
                await stage.store.invalidate(OrgId(org), stage.store.keys(), "changed", LogPosition(1, 0))
            case Forget():
                stage.forget()
    await stage.process.close()
