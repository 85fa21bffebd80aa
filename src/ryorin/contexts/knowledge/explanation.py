"""Tells the path of every candidate through the stages of a search, from its lists to its place or its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ryorin.contexts.knowledge.domain.ranking import rank
from ryorin.contexts.knowledge.queries import Candidate, SearchResult

Outcome = Literal["hit", "below top_k", "gone meanwhile"]


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Rank from 1 and score in one candidate list."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class CandidatePath:
    """One candidate: its place in each wording's list and in that of words (None: not there), and what became of it."""

    chunk_id: int
    document: str
    dense: tuple[ListPlace | None, ...]
    lexical: ListPlace | None
    fused: ListPlace
    rerank: ListPlace | None
    outcome: Outcome


def explain(result: SearchResult) -> tuple[CandidatePath, ...]:
    """The paths of all candidates, in the order of the fused ranking."""
    probe = result.probe
    dense = [_places(entries) for entries in probe.dense]
    lexical = _places(probe.lexical)
    documents = {entry.chunk_id: entry.document for entries in (*probe.dense, probe.lexical) for entry in entries}
    shown = {hit.chunk_id for hit in result.hits}
    judged = sorted(result.reranked.items(), key=lambda entry: -entry[1])
    reranked = {identifier: ListPlace(place, score) for place, (identifier, score) in enumerate(judged, start=1)}
    return tuple(
        CandidatePath(
            chunk_id=identifier,
            document=documents[identifier],
            dense=tuple(places.get(identifier) for places in dense),
            lexical=lexical.get(identifier),
            fused=ListPlace(place, score),
            rerank=reranked.get(identifier),
            outcome=_outcome(
                identifier in shown, reranked.get(identifier, ListPlace(place, score)).rank <= probe.top_k
            ),
        )
        for place, (identifier, score) in enumerate(rank(probe.dense, probe.lexical, probe.dense_weight), start=1)
    )


def _places(entries: Sequence[Candidate]) -> dict[int, ListPlace]:
    return {entry.chunk_id: ListPlace(place, entry.score) for place, entry in enumerate(entries, start=1)}


def _outcome(shown: bool, placed: bool) -> Outcome:
    if shown:
        return "hit"
    # its document was changed between the stages
    return "gone meanwhile" if placed else "below top_k"
