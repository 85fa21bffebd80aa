"""What decides at a glance whether a change may touch a search (ADR-0010)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ryorin.contexts.knowledge.domain.ranking import rank, weights_of
from ryorin.contexts.knowledge.probe import depth_of
from ryorin.contexts.knowledge.queries import Candidate, ContextProbe

# beyond any cosine: a list that is not full lets everything in
OPEN = -2.0


@dataclass(frozen=True, slots=True)
class ListBounds:
    """What decides whether a newcomer to one list of candidates matters.

    It must beat `floor` to enter; beyond `top` it changes everyone's share of the best score; when more than `spare`
    come, they push out an entry of the context's pool. `weight` is what the list counts in fusion.
    """

    floor: float
    top: float
    spare: int
    weight: float


@dataclass(frozen=True, slots=True)
class ProbeOutline:
    """What decides at a glance whether a change may touch a search.

    `vectors` (lists, dimensions) are the dense probes with their `bounds`; `lexical` those of `term_ids` and
    `term_weights`. `pool_floor` is the fused score that a newcomer must have to enter the context's pool, -1 when the
    pool is not full. `documents` are those of every candidate; `filtered` tells that tags or metadata decide who takes
    part.
    """

    key: str
    model_id: str
    vectors: NDArray[np.float32]
    bounds: tuple[ListBounds, ...]
    term_ids: NDArray[np.int32]
    term_weights: NDArray[np.float32]
    lexical: ListBounds
    pool_floor: float
    documents: frozenset[str]
    filtered: bool


def outline(key: str, probe: ContextProbe) -> ProbeOutline:
    """The outline of a probe."""
    entries = [entry for candidates in (*probe.dense, probe.lexical) for entry in candidates]
    vectors = np.array(probe.vectors, dtype=np.float32)
    depth = depth_of(probe)
    ranking = rank(probe.dense, probe.lexical, probe.dense_weight)
    pool = {identifier for identifier, _ in ranking[:depth]}
    dense_weight, lexical_weight = weights_of(len(probe.dense), probe.dense_weight)
    return ProbeOutline(
        key=key,
        model_id=probe.model_id,
        vectors=vectors if len(vectors) else np.zeros((0, 0), dtype=np.float32),
        bounds=tuple(_bounds(found, probe.list_limit, OPEN, pool, dense_weight) for found in probe.dense),
        term_ids=np.array(probe.term_ids, dtype=np.int32),
        term_weights=np.array(probe.term_weights, dtype=np.float32),
        lexical=_bounds(probe.lexical, probe.list_limit, 0.0, pool, lexical_weight),
        pool_floor=ranking[depth - 1][1] if len(ranking) >= depth else -1.0,
        documents=frozenset(entry.document for entry in entries),
        filtered=bool(probe.filter.tags or probe.filter.metadata),
    )


def _bounds(
    entries: Sequence[Candidate], limit: int, otherwise: float, pool: Collection[int], weight: float
) -> ListBounds:
    # as many may come as there is room, and then as many as stand behind the last one of the pool
    behind = next((at for at, entry in enumerate(reversed(entries)) if entry.chunk_id in pool), len(entries))
    full = len(entries) >= limit
    return ListBounds(
        floor=entries[-1].score if full else otherwise,
        top=entries[0].score if entries else 0.0,
        spare=max(0, limit - len(entries)) + behind,
        weight=weight,
    )
