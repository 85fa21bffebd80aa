"""Words a question differently by the first link of a chain that can; each link has a breaker, results are kept."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ryorin.contexts.knowledge.expansion import ExpandQuery, Expansion, ExpansionSource
from ryorin.kernel.breaker import CircuitBreaker
from ryorin.kernel.errors import RyorinError
from ryorin.kernel.messages import Actor
from ryorin.kernel.ports import Telemetry
from ryorin.processes.expanders import QueryExpander, cleaned

# an expander that answered so would do it again: that is worth keeping for a while, an outage is not
ANSWERED = "it gave nothing but the question"


@dataclass(frozen=True, slots=True)
class Link:
    """A way to expand queries, and its circuit breaker; without one it is tried every time."""

    source: ExpansionSource
    expander: QueryExpander
    breaker: CircuitBreaker | None = None


class KeptExpansions(Protocol):
    """Expansions of questions asked lately."""

    def get(self, key: str) -> Expansion | None: ...

    def put(self, key: str, expansion: Expansion) -> None: ...


@dataclass(slots=True)
class _Flight:
    """An expansion on its way, and how many wait for it."""

    task: asyncio.Task[Expansion]
    waiting: int = 0


class ExpandQueryProcess:
    """Handler of `ExpandQuery`; those who ask the same at once share one expansion."""

    def __init__(self, links: Sequence[Link], kept: KeptExpansions, telemetry: Telemetry) -> None:
        self._links = links
        self._kept = kept
        self._telemetry = telemetry
        self._flights: dict[str, _Flight] = {}

    def known(self, query: ExpandQuery, actor: Actor) -> Expansion | None:
        """The expansion if it is kept."""
        found = self._kept.get(_key(query, actor))
        return replace(found, cached=True) if found else None

    async def __call__(self, query: ExpandQuery, actor: Actor) -> Expansion:
        known = self.known(query, actor)
        if known is not None:
            return known
        key = _key(query, actor)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._make(query, actor, key)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0:
                # nobody is left who wants it, or it is done
                flight.task.cancel()

    async def _make(self, query: ExpandQuery, actor: Actor, key: str) -> Expansion:
        try:
            expansion = await self._made(query, actor)
        finally:
            del self._flights[key]
        self._telemetry.count("ryorin_query_expansions_total", source=expansion.source)
        if expansion.variants or ANSWERED in expansion.left_out.values():
            self._kept.put(key, expansion)
        return expansion

    async def _made(self, query: ExpandQuery, actor: Actor) -> Expansion:
        left_out: dict[str, str] = {}
        if query.japanese_count + query.english_count == 0:
            return Expansion((), "none", {"all": "no variants were asked for"})
        for link in self._links:
            if link.breaker is not None and not link.breaker.allows():
                left_out[link.source] = "its circuit breaker is open"
                continue
            try:
                variants = cleaned(await link.expander.expand(query, actor), query)
            except RyorinError as error:
                left_out[link.source] = error.detail
                _note(link, ok=False)
                continue
            except BaseException:
                if link.breaker is not None:
                    link.breaker.abandoned()
                raise
            _note(link, ok=bool(variants))
            if variants:
                return Expansion(variants, link.source, left_out)
            left_out[link.source] = ANSWERED
        return Expansion((), "none", left_out)


def _note(link: Link, *, ok: bool) -> None:
    if link.breaker is not None:
        (link.breaker.succeeded if ok else link.breaker.failed)()


def _key(query: ExpandQuery, actor: Actor) -> str:
    text = " ".join(unicodedata.normalize("NFKC", query.text).casefold().split())
    # feedback expands by documents: nobody is told words of one that only others may read
    readers = "all" if actor.readers is None else "\x1e".join(actor.readers)
    parts = (actor.org_id, readers, query.collection or "", str(query.japanese_count), str(query.english_count), text)
    return "\x1f".join(parts)
