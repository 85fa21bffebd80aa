"""Whoever asks in one organisation, in whatever mode: no answer holds a document that the asker may not read now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ryorin.contexts.answers.queries import CacheOptions
from ryorin.contexts.knowledge.pipeline import CacheStage
from ryorin.contexts.knowledge.queries import SearchChunks, SearchResult
from ryorin.kernel.messages import EVERYONE, Actor, Readers, may_read
from tests.property.test_isolation import ALL, FRESHNESS, Echo
from tests.unit.processes.stage import ORG, Shelf, Stage, question

DOCUMENTS = ("plan.md", "pay.md")
PEOPLE: dict[str, Readers] = {
    "admin": None,
    "alice": (EVERYONE, "group:board", "user:alice"),
    "bob": (EVERYONE, "user:bob"),
    "carol": (EVERYONE, "group:board", "user:carol"),
    "guest": (EVERYONE,),
}
READERS = st.sets(st.sampled_from([EVERYONE, "group:board", "user:alice", "user:bob"]), max_size=2)


@dataclass
class ShelfOfReaders(Shelf):
    """Every document is found by those who may read it."""

    readers: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(DOCUMENTS, (EVERYONE,)))

    async def __call__(self, query: SearchChunks, actor: Actor) -> SearchResult:
        readable = [document for document in DOCUMENTS if may_read(actor.readers, self.readers[document])]
        self.passages = {document: f"The Tokyo office opens at nine, says {document}." for document in readable}
        return await super().__call__(query, actor)


@dataclass(frozen=True)
class Ask:
    """Someone asks."""

    who: str
    model: str
    stream: bool
    freshness: object
    semantic: bool


@dataclass(frozen=True)
class Share:
    """A document has other readers from here on."""

    document: str
    readers: frozenset[str]


STEPS = st.lists(
    st.builds(
        Ask,
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(["extractive", "parrot"]),
        st.booleans(),
        FRESHNESS,
        st.booleans(),
    )
    | st.builds(Share, st.sampled_from(DOCUMENTS), READERS.map(frozenset)),
    max_size=20,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_answer_holds_what_the_asker_may_not_read(steps: list[Ask | Share]) -> None:
    asyncio.run(_run(steps))


async def _run(steps: list[Ask | Share]) -> None:
    stage = Stage(parrot=Echo([]))
    shelf = stage.shelf = ShelfOfReaders(stage.positions)
    stage.stages.stage = CacheStage(stale_while_revalidate_seconds=60)
    for number, step in enumerate(steps, start=1):
        if isinstance(step, Share):
            await _share(stage, shelf, step, number)
            continue
        told = await _told(stage, step)
        for document in DOCUMENTS:
            shown, allowed = f"says {document}" in told, may_read(PEOPLE[step.who], shelf.readers[document])
            # the extractive answerer need not quote both
            assert shown == allowed or (step.model == "extractive" and not shown)
    await stage.process.close()


async def _share(stage: Stage, shelf: ShelfOfReaders, step: Share, number: int) -> None:
    """As the freshness projection does it, of what is in any answer: all of them here."""
    shelf.readers[step.document] = tuple(sorted(step.readers))
    if EVERYONE not in step.readers:
        await stage.store.restricted(ORG, "docs", shelf.readers[step.document])
    position = replace(stage.positions.position, position=number + 1)
    await stage.store.collection_changed(ORG, "docs", position)
    await stage.store.invalidate(ORG, stage.store.keys(), "shared", position)
    stage.positions.reach(position)


async def _told(stage: Stage, step: Ask) -> str:
    query = question(model=step.model, collection="docs")
    wish = CacheOptions(freshness=step.freshness, semantic=step.semantic)  # type: ignore[arg-type]  # a mode or None
    query = replace(query, cache=wish)
    actor = Actor(ORG, step.who, ALL, PEOPLE[step.who])
    if step.stream:
        return "".join(part.text for part in await stage.stream(query, actor))
    return (await stage.ask(query, actor)).text
