"""However many changes come one after another, an answer whose context they changed is not valid any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ryorin.adapters.memory.answers import MemoryAnswers
from ryorin.adapters.memory.clock import StandingClock
from ryorin.contexts.answers.module import CachedAnswer
from ryorin.contexts.answers.queries import Answer, Usage
from ryorin.contexts.knowledge.events import DocumentDeleted, DocumentVersionIndexed
from ryorin.contexts.knowledge.probe import Newcomer
from ryorin.kernel.events import Event, EventMetadata, LogPosition, RecordedEvent, Stream
from ryorin.kernel.messages import OrgId
from ryorin.processes.keep_answers_fresh import FreshnessProjection
from ryorin.processes.probe_codec import encode_outline, encode_probe
from tests.property.test_probe import POOLS, WEIGHTS, context_of, probe_of, search

ORG = OrgId("a")
NAMES = st.sampled_from([f"d{number}" for number in range(12)])
SCORES = st.tuples(st.integers(1, 1000), st.integers(0, 1000))
# scores of a document put, None for one deleted
STEPS = st.lists(st.tuples(NAMES, st.none() | SCORES), min_size=1, max_size=12)


@dataclass
class Shelf:
    """The chunks of what is put: one for each document, with the scores it has for the one question."""

    scores: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def newcomers(self, org_id: OrgId, event: DocumentVersionIndexed) -> Sequence[Newcomer]:
        dense, words = self.scores[event.chunk_set]
        vector, terms = np.array([dense / 10], dtype=np.float32), np.array([1], dtype=np.int32)
        weights = np.array([words], dtype=np.float32)
        return [Newcomer(event.document, {"": vector}, terms, weights, frozenset(), {})]


def recorded(number: int, event: Event) -> RecordedEvent:
    metadata = EventMetadata("someone", "c", "c")
    return RecordedEvent(
        LogPosition(10, number), Stream(ORG, "document", "d"), number, event, metadata, datetime.now(UTC)
    )


def put(document: str, chunk_set: str) -> DocumentVersionIndexed:
    return DocumentVersionIndexed(
        collection="c",
        incarnation=1,
        document=document,
        version=1,
        content_hash="",
        size_bytes=1,
        filename=document,
        media_type="text/markdown",
        language=None,
        title=document,
        metadata={},
        tags=(),
        chunk_set=chunk_set,
        chunk_count=1,
        accepted_sequence=1,
    )


@settings(max_examples=800, deadline=None)
@given(
    st.dictionaries(NAMES, SCORES, min_size=1),
    STEPS,
    st.sampled_from(POOLS),
    st.sampled_from(WEIGHTS),
    st.integers(1, 4),
    st.integers(0, 12),
)
def test_an_answer_whose_context_changed_is_invalid(
    before: dict[str, tuple[int, int]],
    steps: list[tuple[str, tuple[int, int] | None]],
    pool: int | None,
    weight: float | None,
    batch: int,
    restart: int,
) -> None:
    numbers, now = count(1), dict(before)
    ids = {name: next(numbers) for name in before}
    probe = probe_of(*search(before, ids), pool, weight)
    context = context_of(*search(before, ids), pool, weight)
    answers, shelf = MemoryAnswers(StandingClock(), lambda org, collection: 0), Shelf()
    asyncio.run(answers.put(_entry(probe_bytes=encode_probe(probe), outline=encode_outline(probe))))
    projection, events = FreshnessProjection(shelf), list[RecordedEvent]()
    for number, (name, scores) in enumerate(steps, start=1):
        if scores is None:
            now.pop(name, None)
            ids.pop(name, None)
            events.append(recorded(number, DocumentDeleted(collection="c", document=name, accepted_sequence=1)))
        else:
            now[name], ids[name] = scores, next(numbers)
            shelf.scores[str(number)] = scores
            events.append(recorded(number, put(name, str(number))))
        if number == restart:
            # another process goes on
            projection = FreshnessProjection(shelf)
        if number % batch == 0 or number == len(steps):
            asyncio.run(projection.apply(events, answers))
            events = []
            if not answers.keys():
                return
            assert context_of(*search(now, ids), pool, weight) == context


def _entry(probe_bytes: bytes, outline: bytes) -> CachedAnswer:
    answer = Answer("a", 0, "m", "text", "stop", Usage(0, 0), (), "miss", "0-0", {})
    return CachedAnswer("k", ORG, answer, "c", probe_bytes, outline, 0, LogPosition(0, 0), 60.0)
