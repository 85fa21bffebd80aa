"""The layers in which answers are kept, and the rules by which a kept one may be served (ADR-0011)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ryorin.contexts.answers.module import (
    AnswerStore,
    Audiences,
    CachedAnswer,
    HotAnswers,
    KeptAnswer,
    SharedAnswers,
    context_digest,
)
from ryorin.contexts.answers.queries import Answer, AnswerQuestion, Freshness
from ryorin.contexts.knowledge.pipeline import CacheStage
from ryorin.kernel.errors import Unavailable
from ryorin.kernel.events import BEGINNING, LogPosition
from ryorin.kernel.messages import EVERYONE, Actor, OrgId
from ryorin.processes.answer_provenance import provenance_of
from ryorin.processes.freshness_check import FreshnessCheck
from ryorin.processes.make_answer import Retrieved
from ryorin.processes.probe_codec import encode_outline, encode_probe

# bounded, with no bound named (seconds)
MAX_STALENESS_SECONDS = 60.0
# times to live vary by this share, so that what was kept together does not end together
JITTER = 0.1
# for so long a store is waited for where memory has what will do (seconds)
MOMENT_SECONDS = 0.15
# a provider's finish reason for what it does not answer
REFUSED = "content_filter"
# of questions that may be answered wrongly from another's answer, if nobody says otherwise
SEMANTIC_BOUND = 0.01


class CacheStages(Protocol):
    """What collections have decided about their answers."""

    async def of(self, org_id: OrgId, collection: str) -> CacheStage: ...


@dataclass(frozen=True, slots=True)
class CacheRules:
    """By what rules one question may be answered from the cache; times in seconds, 0 for not at all."""

    collection: str | None
    freshness: Freshness = "strict"
    max_staleness: float = MAX_STALENESS_SECONDS
    stale_while_revalidate: float = 0.0
    ttl: float | None = None
    # the greatest share of questions that may be answered wrongly from another's answer; None: none may
    semantic_bound: float | None = None

    def young(self, answer: Answer | None) -> Answer | None:
        """The answer, unless it is older than may be."""
        return None if answer is None or (self.ttl is not None and answer.age_seconds > self.ttl) else answer


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, reading no more than what answers are kept for; and whether every change that matters is known."""

    actor: Actor
    rules: CacheRules
    verified: bool


@dataclass(frozen=True, slots=True)
class CacheDefaults:
    """How long an answer is kept (seconds) and how large it may be (bytes of text); for whoever does not say,
    whether paraphrases may be answered, and with which bound; whether refusals of a provider are kept."""

    ttl_seconds: float
    max_answer_bytes: int = 1024 * 1024
    semantic: bool = False
    semantic_bound: float = SEMANTIC_BOUND
    refusals: bool = False


class AnswerLayers:
    """L1, what processes share, and L2 behind one rule."""

    def __init__(
        self,
        hot: HotAnswers,
        store: AnswerStore,
        check: FreshnessCheck,
        stages: CacheStages,
        audiences: Audiences,
        defaults: CacheDefaults,
        dice: Callable[[], float],
        shared: SharedAnswers | None = None,
    ) -> None:
        self._hot = hot
        self._shared = shared
        self._store = store
        self._check = check
        self._stages = stages
        self._audiences = audiences
        self._defaults = defaults
        self._dice = dice

    async def asked(self, query: AnswerQuestion, actor: Actor) -> Asked:
        """As whom a question is asked, and by what rules it may be answered.

        Who asks reads as what matters in the collection (ADR-0015): all who may read the same share their answers.
        Where not everyone may read everything, the rules are strict. Raises Unavailable when nobody knows who may.
        """
        rules = await self._rules(query, actor)
        if rules.collection is None:
            return Asked(actor, rules, verified=True)
        # in this order: what is remembered of readers is as new as the invalidations that the check waits for
        verified = await self._verified(rules, actor)
        named = await self._audiences.named(actor.org_id, rules.collection)
        if named is None:
            return Asked(actor.reading_as((EVERYONE,)), rules, verified)
        if rules.freshness != "strict":
            rules = replace(rules, freshness="strict")
            verified = await self._verified(rules, actor)
        asker = actor
        if actor.readers is not None:
            asker = actor.reading_as(tuple(sorted({EVERYONE, *named.intersection(actor.readers)})))
        return Asked(asker, replace(rules, stale_while_revalidate=0.0), verified)

    async def _rules(self, query: AnswerQuestion, actor: Actor) -> CacheRules:
        """What the request wants, else its collection, else strict."""
        wish, collection = query.cache, query.grounding.collection if query.grounding else None
        stage = await self._stages.of(actor.org_id, collection) if collection is not None else CacheStage()
        return CacheRules(
            collection,
            wish.freshness or stage.freshness or "strict",
            _first(wish.max_staleness_seconds, stage.max_staleness_seconds, MAX_STALENESS_SECONDS),
            _first(wish.stale_while_revalidate_seconds, stage.stale_while_revalidate_seconds, 0.0),
            stage.ttl_seconds if wish.ttl_seconds is None else wish.ttl_seconds,
            self._bound(wish.semantic if wish.semantic is not None else stage.semantic, stage.semantic_bound),
        )

    def _bound(self, wanted: bool | None, own: float | None) -> float | None:
        allowed = self._defaults.semantic if wanted is None else wanted
        return (own or self._defaults.semantic_bound) if allowed else None

    async def fresh(self, key: str, rules: CacheRules, actor: Actor) -> Answer | None:
        """An answer as fresh as the rules want it."""
        return await self.held(key, rules, actor) if await self._verified(rules, actor) else None

    async def held(self, key: str, rules: CacheRules, actor: Actor) -> Answer | None:
        """As `fresh`, of a question whose rules were verified just now."""
        # an answer without documents depends on no change that a cut-off process could miss
        if rules.freshness != "strict" or rules.collection is None or self._hot.connected:
            hot = rules.young(self._hot.get(actor.org_id, key))
            if hot is not None:
                return hot
        lapsed = self._lapsed(key, rules, actor)
        if lapsed is None:
            return await self._kept(key, rules, actor)
        if not self._hot.connected:
            return lapsed
        # the store knows better, if it answers: what it says is as good as new, and lasts when the database goes again
        try:
            async with asyncio.timeout(MOMENT_SECONDS):
                return await self._kept(key, rules, actor)
        except (Unavailable, TimeoutError):
            return lapsed

    async def _kept(self, key: str, rules: CacheRules, actor: Actor) -> Answer | None:
        """An answer from where processes share them."""
        shared = await self._shared_one(key, rules, actor)
        if shared is not None:
            return shared
        kept = await self._store.get(actor.org_id, key, settled=rules.freshness != "ttl")
        if kept is None or rules.young(kept.answer) is None:
            return None
        self._hold(actor.org_id, key, kept)
        return replace(kept.answer, cache="l2")

    def _lapsed(self, key: str, rules: CacheRules, actor: Actor) -> Answer | None:
        """From before this process was cut off from the log, where nothing newer is wanted."""
        if rules.freshness == "strict":
            return None
        bound = rules.max_staleness if rules.freshness == "bounded" else math.inf
        return rules.young(self._hot.lapsed(actor.org_id, key, bound))

    async def _shared_one(self, key: str, rules: CacheRules, actor: Actor) -> Answer | None:
        if self._shared is None or not self._hot.connected:
            return None
        kept = await self._shared.get(actor.org_id, key)
        if kept is None or rules.young(kept.answer) is None or not self._hot.put(actor.org_id, key, kept):
            return None
        return replace(kept.answer, cache="shared")

    def _hold(self, org_id: OrgId, key: str, kept: KeptAnswer) -> None:
        if self._hot.put(org_id, key, kept) and self._shared is not None:
            self._shared.put(org_id, key, kept)

    async def _verified(self, rules: CacheRules, actor: Actor) -> bool:
        if rules.collection is None or rules.freshness == "ttl":
            return True
        bound = rules.max_staleness if rules.freshness == "bounded" else 0.0
        return await self._check.up_to_date(actor.org_id, rules.collection, bound)

    async def changed(self, rules: CacheRules, actor: Actor) -> LogPosition:
        """The newest change that an answer made now must know of; the beginning for one without documents."""
        if rules.collection is None:
            return BEGINNING
        return await self._store.changed(actor.org_id, rules.collection)

    async def stale(self, key: str, rules: CacheRules, actor: Actor) -> Answer | None:
        """An answer that was invalidated so recently that it may be served while it is made anew."""
        if not rules.stale_while_revalidate:
            return None
        answer = await self._store.invalidated(actor.org_id, key, rules.stale_while_revalidate)
        return replace(answer, cache="stale") if answer and rules.young(answer) else None

    async def keep(
        self, key: str, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, answer: Answer, rules: CacheRules
    ) -> None:
        """Keep a whole answer, in memory if it is still valid once it is stored."""
        if not self._keepable(answer):
            return
        entry = self._entry(key, query, actor, retrieved, answer, rules)
        kept = await self._store.put(entry)
        if kept is not None:
            self._hold(actor.org_id, key, kept)

    async def revalidated(
        self, key: str, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, rules: CacheRules
    ) -> Answer | None:
        """An answer that was made from just what was retrieved now, valid again from here on (ADR-0013)."""
        if retrieved.result is None or retrieved.result.degraded:
            return None
        digest = context_digest(retrieved.passages)
        answer = rules.young(await self._store.of_context(actor.org_id, key, digest))
        if answer is None:
            return None
        entry = self._entry(key, query, actor, retrieved, answer, rules)
        kept = await self._store.renew(entry)
        if kept is not None:
            self._hold(actor.org_id, key, kept)
        return replace(answer, cache="revalidated")

    def _keepable(self, answer: Answer) -> bool:
        """Of one that is not whole, or that a provider refused, the next asker deserves another try."""
        refused = answer.finish_reason == REFUSED and not self._defaults.refusals
        return not answer.degraded and not refused and len(answer.text.encode()) <= self._defaults.max_answer_bytes

    def remember(self, key: str, actor: Actor, answer: Answer) -> None:
        """Have an answer without documents in memory at once."""
        if self._keepable(answer):
            self._hot.put(
                actor.org_id, key, KeptAnswer(answer, None, None, BEGINNING, ttl_seconds=self._defaults.ttl_seconds)
            )

    def _entry(
        self, key: str, query: AnswerQuestion, actor: Actor, retrieved: Retrieved, answer: Answer, rules: CacheRules
    ) -> CachedAnswer:
        probe = retrieved.result.probe if retrieved.result else None
        ttl = min(self._defaults.ttl_seconds, rules.ttl or self._defaults.ttl_seconds)
        return CachedAnswer(
            key=key,
            org_id=actor.org_id,
            answer=answer,
            collection=rules.collection,
            probe=encode_probe(probe) if probe else None,
            outline=encode_outline(probe) if probe else None,
            lexicon_epoch=probe.lexicon_epoch if probe else None,
            as_of=retrieved.as_of,
            ttl_seconds=ttl * (1 - JITTER * self._dice()),
            provenance=provenance_of(query, retrieved.result),
            context=context_digest(retrieved.passages) if retrieved.result else None,
            question=query if retrieved.result else None,
        )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
