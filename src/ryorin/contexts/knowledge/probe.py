"""Decides whether a change of documents would change what an earlier search found (DESIGN.md section 1.5).

The probe holds every candidate list before fusion. A change takes candidates out and puts newcomers
in; fusing again tells whether the context would be another one. Where a full list lost entries, what
stood behind its end is unknown, and the answer is False only if nothing unknown could matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.fusion import share
from ryorin.contexts.knowledge.domain.ranking import rank, weights_of
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe, SearchFilter
from ryorin.kernel.messages import EVERYONE, may_read

# half precision in the index against single precision here: scores nearer than this may rank either way
DENSE_TOLERANCE = 2e-3
LEXICAL_TOLERANCE = 1e-2


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A chunk that may enter a context: its vectors, its terms (sorted ids) and its document's properties."""

    document: str
    # by the id of the model that made it
    vectors: Mapping[str, NDArray[np.float32]]
    term_ids: NDArray[np.int32]
    term_weights: NDArray[np.float32]
    tags: frozenset[str]
    metadata: Mapping[str, str]
    readers: tuple[str, ...] = (EVERYONE,)


@dataclass(frozen=True, slots=True)
class _List:
    """One candidate list after the change; `open_end` says that unknown entries may follow it."""

    entries: tuple[Candidate, ...]
    open_end: bool


def would_change(probe: ContextProbe, newcomers: Sequence[Newcomer], removed: Collection[str]) -> bool:
    """Whether the search behind `probe` may find another context now.

    `removed` names documents whose earlier chunks left the index; `newcomers` are chunks that came,
    also those of a new version of a removed document. Never False when the context did change.
    """
    matching = [
        newcomer
        for newcomer in newcomers
        if may_read(probe.readers, newcomer.readers) and passes(probe.filter, newcomer)
    ]
    if not matching and not any(entry.document in removed for entry in _all_entries(probe)):
        return False
    if probe.vectors and any(probe.model_id not in newcomer.vectors for newcomer in matching):
        return True  # its vector is not made yet: nobody can tell
    before = _context(probe, rank(probe.dense, probe.lexical, probe.dense_weight), probe.dense, probe.lexical)
    return any(_differs(probe, before, matching, removed, sign) for sign in (1.0, -1.0))


def depth_of(probe: ContextProbe) -> int:
    """How much of the fused ranking the context depends on."""
    return probe.pool or probe.top_k


def _context(
    probe: ContextProbe,
    ranking: Sequence[tuple[int, float]],
    dense: Sequence[Sequence[Candidate]],
    lexical: Sequence[Candidate],
) -> object:
    """What must stay the same: the first hits in order, or the pool and in which lists its members are.

    A reranker judges every member of its pool by itself, so their order does not matter.
    """
    first = [identifier for identifier, _ in ranking[: depth_of(probe)]]
    if probe.pool is None:
        return first
    lists = [{entry.chunk_id for entry in entries} for entries in (*dense, lexical)]
    return {(identifier, tuple(identifier in ids for ids in lists)) for identifier in first}


def passes(which: SearchFilter, newcomer: Newcomer) -> bool:
    """Whether a newcomer's document is within a filter."""
    return (
        newcomer.tags.issuperset(which.tags)
        and all(newcomer.metadata.get(name) == value for name, value in which.metadata.items())
        and (not which.documents or newcomer.document in which.documents)
    )


def context_documents(probe: ContextProbe) -> frozenset[str]:
    """The documents that the probe's context was made of, or chosen from by a reranker."""
    first = {identifier for identifier, _ in rank(probe.dense, probe.lexical, probe.dense_weight)[: depth_of(probe)]}
    return frozenset(entry.document for entry in _all_entries(probe) if entry.chunk_id in first)


def _all_entries(probe: ContextProbe) -> list[Candidate]:
    return [entry for entries in (*probe.dense, probe.lexical) for entry in entries]


def _differs(
    probe: ContextProbe,
    before: object,
    newcomers: Sequence[Newcomer],
    removed: Collection[str],
    sign: float,
) -> bool:
    dense = [
        _changed_list(probe, entries, _dense_scores(probe.model_id, vector, newcomers, sign), newcomers, removed)
        for vector, entries in zip(probe.vectors, probe.dense, strict=True)
    ]
    lexical = _changed_list(probe, probe.lexical, _lexical_scores(probe, newcomers, sign), newcomers, removed)
    lists = [entry.entries for entry in dense]
    ranking = rank(lists, lexical.entries, probe.dense_weight)
    after = _context(probe, ranking, lists, lexical.entries)
    return after != before or _unknown_matters(probe, ranking, dense, lexical)


def _dense_scores(model_id: str, vector: Sequence[float], newcomers: Sequence[Newcomer], sign: float) -> list[float]:
    if not newcomers:
        return []
    matrix = np.stack([newcomer.vectors[model_id] for newcomer in newcomers])
    scores = matrix @ np.asarray(vector, dtype=np.float32) + sign * DENSE_TOLERANCE
    return [float(score) for score in scores]


def _lexical_scores(probe: ContextProbe, newcomers: Sequence[Newcomer], sign: float) -> list[float]:
    ids = np.asarray(probe.term_ids, dtype=np.int32)
    weights = np.asarray(probe.term_weights, dtype=np.float32)
    return [_inner_product(ids, weights, newcomer, sign) for newcomer in newcomers]


def _inner_product(ids: NDArray[np.int32], weights: NDArray[np.float32], newcomer: Newcomer, sign: float) -> float:
    _, ours, theirs = np.intersect1d(ids, newcomer.term_ids, assume_unique=True, return_indices=True)
    if not len(ours):
        return 0.0
    return float(weights[ours] @ newcomer.term_weights[theirs]) * (1 + sign * LEXICAL_TOLERANCE)


def _changed_list(
    probe: ContextProbe,
    entries: Sequence[Candidate],
    scores: Sequence[float],
    newcomers: Sequence[Newcomer],
    removed: Collection[str],
) -> _List:
    full = len(entries) >= probe.list_limit
    floor = entries[-1].score if full else 0.0
    kept = [entry for entry in entries if entry.document not in removed]
    # negative ids: a newcomer's own id is given only when it is indexed
    fresh = [
        Candidate(-number - 1, newcomer.document, score)
        for number, (newcomer, score) in enumerate(zip(newcomers, scores, strict=True))
        if score > floor or (not full and score > 0)
    ]
    merged = sorted((*kept, *fresh), key=lambda entry: -entry.score)[: probe.list_limit]
    return _List(tuple(merged), open_end=full and len(merged) < probe.list_limit)


def _unknown_matters(
    probe: ContextProbe, ranking: Sequence[tuple[int, float]], dense: Sequence[_List], lexical: _List
) -> bool:
    """Whether entries behind the end of shortened lists could reorder or enter the first `top_k`."""
    dense_weight, lexical_weight = weights_of(len(dense), probe.dense_weight)
    weighted = [(entry, dense_weight) for entry in dense] + [(lexical, lexical_weight)]
    gains = [
        ({entry.chunk_id for entry in changed.entries}, weight * _largest_unknown(changed))
        for changed, weight in weighted
        if changed.open_end
    ]
    if not gains:
        return False
    depth = depth_of(probe)
    if len(ranking) < depth:
        return True
    best = [(score, score + sum(gain for ids, gain in gains if identifier not in ids)) for identifier, score in ranking]
    unknown = sum(gain for _, gain in gains)
    ceilings = [ceiling for _, ceiling in best] + [unknown]
    if probe.pool is not None:
        # what may be in the pool's lists now, unseen, may also change how a member of the pool is judged
        seen = all(identifier in ids for identifier, _ in ranking[:depth] for ids, _ in gains)
        return not seen or best[depth - 1][0] <= max(ceilings[depth:])
    return any(best[at][0] <= max(ceilings[at + 1 :]) for at in range(depth))


def _largest_unknown(changed: _List) -> float:
    """What an entry behind the end may have at most, as a share of the list's best score."""
    return share(changed.entries[-1].score, changed.entries[0].score) if changed.entries else 1.0
