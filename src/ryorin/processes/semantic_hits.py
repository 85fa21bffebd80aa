"""Answers paraphrases from the cache, where the evidence allows it; and gathers that evidence (ADR-0014)."""

from __future__ import annotations

import asyncio
import unicodedata
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.answers.module import (
    Evidence,
    KnownQuestion,
    Likeness,
    Observation,
    Passage,
    SemanticStore,
    cache_key,
    differences,
    explore_probability,
    likeness,
)
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, ChatMessage, SemanticMatch
from ryorin.kernel.bounded import Remembered
from ryorin.kernel.messages import Actor, OrgId
from ryorin.kernel.ports import Ids

Embed = Callable[[Sequence[str], Literal["query", "passage"]], Awaitable[NDArray[np.float32]]]
Analyse = Callable[[str], Sequence[str]]

# two answers say the same if their vectors are that near and their numbers agree: too strict rather than too lax
AGREEING = 0.9
# what other processes observed is read so often (seconds)
LEARN_SECONDS = 5.0
REMEMBERED_SCOPES = 1000
# further away nothing is learned: the next question would not be answered from there either
NEAR_ENOUGH = 0.5
# a question without a valid answer is no candidate, however long it is kept
KEPT_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cached answer to a question that may mean the same."""

    known: KnownQuestion
    answer: Answer
    likeness: Likeness
    forbidden: bool


@dataclass(frozen=True, slots=True)
class Considered:
    """What was found for a question: its vector, the candidate, and the answer if it may be given."""

    family: str
    scope: str
    vector: NDArray[np.float32]
    passages: tuple[str, ...]
    candidate: Candidate | None
    uniform: bool
    answer: Answer | None = None


@dataclass(slots=True)
class _Knowledge:
    """A scope's evidence, and what its entries met themselves, up to an observation's number."""

    evidence: Evidence
    own: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))
    after: int = 0
    read_at: float = float("-inf")


class SemanticHits:
    """Decides about one question at a time; evidence is shared through the store."""

    def __init__(
        self, store: SemanticStore, embed: Embed, analyse: Analyse, ids: Ids, dice: Callable[[], float]
    ) -> None:
        self._store = store
        self._embed = embed
        self._analyse = analyse
        self._ids = ids
        self._dice = dice
        self._known: Remembered[tuple[OrgId, str, float], _Knowledge] = Remembered(REMEMBERED_SCOPES)

    def forget(self) -> None:
        """Read all evidence anew when it is needed next."""
        self._known = Remembered(REMEMBERED_SCOPES)

    async def consider(
        self,
        query: AnswerQuestion,
        actor: Actor,
        model_identity: str,
        passages: Sequence[Passage],
        bound: float,
        fresh: Callable[[str], Awaitable[Answer | None]],
    ) -> Considered:
        """Look for a cached answer to a question that means the same; `fresh` gives the one of a key, if it is valid.

        The answer is there only if no guard forbids it and the evidence keeps the error below `bound`.
        """
        family = cache_key(_without_question(query), actor, model_identity)
        scope = query.grounding.collection if query.grounding else f"model:{query.model}"
        vector = (await self._embed((_plain(query.question),), "query"))[0]
        named = tuple(f"{one.document}#{one.version}#{one.start_byte}" for one in passages)
        candidate = await self._candidate(actor.org_id, family, query.question, vector, named, fresh)
        knowledge = await self._learn(actor.org_id, scope, bound)
        uniform = self._dice() < knowledge.evidence.explored_share
        considered = Considered(family, scope, vector, named, candidate, uniform)
        if candidate is None or uniform or not self._allowed(knowledge, candidate, bound):
            return considered
        return await self._given(actor, considered, candidate, knowledge)

    async def learn(self, key: str, considered: Considered, actor: Actor, question: str, answer: Answer) -> None:
        """A question was answered anew: was the candidate right? And it may be a candidate from here on."""
        candidate = considered.candidate
        if candidate is not None:
            right = await self._agree(candidate.answer.text, answer.text)
            observation = Observation(candidate.likeness, right, considered.uniform)
            await self._store.observe(actor.org_id, considered.scope, candidate.known.key, observation)
        if not answer.degraded:
            known = KnownQuestion(key, question, considered.passages)
            await self._store.keep(actor.org_id, considered.family, known, considered.vector, KEPT_SECONDS)

    async def _candidate(
        self,
        org_id: OrgId,
        family: str,
        question: str,
        vector: NDArray[np.float32],
        passages: Sequence[str],
        fresh: Callable[[str], Awaitable[Answer | None]],
    ) -> Candidate | None:
        known = await self._store.nearest(org_id, family, vector)
        if known is None or known.cosine < NEAR_ENOUGH or known.question == question:
            return None
        answer = await fresh(known.key)
        if answer is None:
            return None
        apart = differences(question, known.question)
        context = _shared(passages, known.passages) if passages or known.passages else None
        alike = likeness(question, known.question, known.cosine, apart, self._analyse, context)
        return Candidate(known, answer, alike, bool(apart.forbidding(alike.words)))

    async def _learn(self, org_id: OrgId, scope: str, bound: float) -> _Knowledge:
        place = (org_id, scope, bound)
        knowledge = self._known.get(place)
        if knowledge is None:
            knowledge = _Knowledge(Evidence(bound))
            self._known.put(place, knowledge)
        if monotonic() - knowledge.read_at >= LEARN_SECONDS:
            knowledge.read_at = monotonic()
            learned = await self._store.learned(org_id, scope, knowledge.after)
            for one in learned:
                knowledge.after = one.number
                knowledge.own[one.key].append((one.observation.likeness.cosine, one.observation.right))
            # fitting a model to thousands takes long enough to hold up everyone else on the loop
            await asyncio.to_thread(knowledge.evidence.learn, *(one.observation for one in learned))
        return knowledge

    def _allowed(self, knowledge: _Knowledge, candidate: Candidate, bound: float) -> bool:
        if candidate.forbidden or not knowledge.evidence.allows(knowledge.evidence.predict(candidate.likeness)):
            return False
        own = knowledge.own.get(candidate.known.key, [])
        return self._dice() >= explore_probability(own, candidate.likeness.cosine, bound)

    async def _given(
        self, actor: Actor, considered: Considered, candidate: Candidate, knowledge: _Knowledge
    ) -> Considered:
        hit = f"hit-{self._ids.new().hex}"
        known = candidate.known
        await self._store.given(actor.org_id, considered.scope, known.key, hit, candidate.likeness)
        predicted = round(knowledge.evidence.predict(candidate.likeness), 4)
        match = SemanticMatch(hit, known.question, round(known.cosine, 4), predicted)
        return replace(considered, answer=replace(candidate.answer, cache="semantic", semantic=match))

    async def _agree(self, one: str, other: str) -> bool:
        if _plain(one).casefold() == _plain(other).casefold():
            return True
        apart = differences(one, other)
        if apart.language or apart.numbers or apart.exchanged:
            return False
        vectors = await self._embed((one, other), "passage")
        return float(vectors[0] @ vectors[1]) >= AGREEING


def _without_question(query: AnswerQuestion) -> AnswerQuestion:
    """The conversation up to its last user message, and everything else an answer depends on."""
    last = max(number for number, message in enumerate(query.messages) if message.role == "user")
    blank = ChatMessage("user", "")
    return replace(query, messages=(*query.messages[:last], blank, *query.messages[last + 1 :]))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _shared(one: Sequence[str], other: Sequence[str]) -> float:
    return len({*one} & {*other}) / max(1, len({*one}), len({*other}))
